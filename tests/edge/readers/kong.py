"""Kong: of the routes whose method and expression match, the one with the highest priority."""

import re
from typing import Any

import yaml

from tests.edge.readers.files import GATEWAY
from tests.edge.readers.found import Found

FILE: dict[str, Any] = yaml.safe_load((GATEWAY / "kong.yaml").read_text())
ROUTES = [(service, route) for service in FILE["services"] for route in service["routes"]]
SILENCE_MILLISECONDS = 60_000


def find(method: str, path: str) -> Found | None:
    fitting = [
        (service, route)
        for service, route in ROUTES
        if method in route["methods"] and any(_fits(p, path) for p in route["paths"])
    ]
    if not fitting:
        return None
    fitting.sort(key=lambda pair: -pair[1]["regex_priority"])
    first = [
        pair for pair in fitting if pair[1]["regex_priority"] == fitting[0][1]["regex_priority"]
    ]
    assert len(first) == 1, f"{method} {path} falls to {[route['name'] for _, route in first]}"
    return _found(*first[0])


def _fits(expression: str, path: str) -> bool:
    assert expression.startswith("~")
    return re.match(expression[1:], path) is not None


def _found(service: dict[str, Any], route: dict[str, Any]) -> Found:
    plugins = {plugin["name"]: plugin["config"] for plugin in route["plugins"]}
    stream = not route["response_buffering"]
    assert stream == (service["read_timeout"] == SILENCE_MILLISECONDS)
    return Found(
        rule=route["name"],
        service=service["host"],
        token_required="jwt" in plugins,
        timeout_seconds=0 if stream else service["read_timeout"] / 1000,
        stream=stream,
        retries=service["retries"],
        per_second=plugins["rate-limiting"]["second"],
    )
