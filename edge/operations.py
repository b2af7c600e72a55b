"""The operations clients may call, read from the services' published documents (docs/openapi)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.table import ROOT, VARIABLE
from libs.topology import SERVICES

DOCUMENTS: Final = ROOT / "docs" / "openapi"

_INTERNAL: Final = "internal"


@dataclass(frozen=True)
class Operation:
    """One method on one path of a service; the path has {variables}."""

    service: str
    name: str
    method: str
    path: str
    audience: str

    @property
    def example(self) -> str:
        """A path somebody might ask for."""
        return VARIABLE.sub("x1", self.path)

    @property
    def for_clients(self) -> bool:
        """False for what services call among themselves."""
        return self.audience != _INTERNAL


def load_operations() -> Sequence[Operation]:
    """Read every operation of every service, in the order of the documents."""
    return [
        operation
        for service in SERVICES
        for operation in _operations_of(
            service, json.loads((DOCUMENTS / f"{service}.json").read_text(encoding="utf-8"))
        )
    ]


def _operations_of(service: str, document: dict[str, Any]) -> list[Operation]:
    return [
        Operation(service, described["operationId"], method.upper(), path, described["x-audience"])
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]
