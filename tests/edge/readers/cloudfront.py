"""CloudFront: the first behaviour whose pattern matches; what is for the static files is not at the API."""

import fnmatch
import json
from typing import Any

from tests.edge.readers.files import GATEWAY
from tests.edge.readers.found import Found

FILE: dict[str, Any] = json.loads((GATEWAY / "cloudfront.json").read_text())


def behaviour_for(path: str) -> dict[str, Any]:
    for behaviour in FILE["behaviours"]:
        if fnmatch.fnmatchcase(path, behaviour["path_pattern"]):
            found: dict[str, Any] = behaviour
            return found
    default: dict[str, Any] = FILE["default_behaviour"]
    return default


def find(method: str, path: str) -> Found | None:
    behaviour = behaviour_for(path)
    if behaviour["origin"] != "api" or method not in behaviour["allowed_methods"]:
        return None
    return Found(
        rule=behaviour["path_pattern"],
        cache=behaviour["cache"],
        stream=None if behaviour["compress"] else True,
    )
