"""What a request takes of its caller's allowance: `costs.json`, which `make edge` writes from the route table."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

_TABLE: Final = Path(__file__).with_name("costs.json")
_USUAL: Final = 1


def costs_of(service: str) -> Callable[[str, str], int]:
    """Return a function that tells what a method on a path of this service costs; what has no row costs one."""
    rows = [
        (row["method"], re.compile(row["path"]), int(row["cost"]))
        for row in json.loads(_TABLE.read_bytes())[service]
    ]

    def cost(method: str, path: str) -> int:
        return next(
            (cost for of, where, cost in rows if of in {None, method} and where.fullmatch(path)),
            _USUAL,
        )

    return cost
