"""Refuses an interpreter that is too old, before anything is imported that it could not read."""

import sys
from typing import Final, Tuple  # noqa: UP035 - readable by the interpreters it refuses

from local.refusal import Refusal

_OLDEST: Final = (3, 11)


def check_python(version: Tuple[int, ...] = sys.version_info[:2]) -> None:  # noqa: UP006 - as above
    """Refuse an interpreter that is too old.

    Raises:
        Refusal: it is.
    """
    if version < _OLDEST:
        raise Refusal(
            f"Meridian needs Python {_OLDEST[0]}.{_OLDEST[1]} or newer and this is "
            f"{version[0]}.{version[1]}: run `make setup PYTHON=python3.11`."
        )
