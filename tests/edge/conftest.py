"""The key, the stand-in for the services and the folder that the edge of `make up` is tested with."""

from tests.local.conftest import key, paths, upstream

__all__ = ["key", "paths", "upstream"]
