"""Envoy: the first route whose path and method match."""

import re
from typing import Any

import yaml

from tests.edge.readers.files import GATEWAY
from tests.edge.readers.found import Found

RATE = "envoy.filters.http.local_ratelimit"
JWT = "envoy.filters.http.jwt_authn"


def routes() -> list[dict[str, Any]]:
    config = yaml.safe_load((GATEWAY / "envoy.yaml").read_text())
    listener = config["static_resources"]["listeners"][0]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    found: list[dict[str, Any]] = manager["route_config"]["virtual_hosts"][0]["routes"]
    return found


ROUTES = routes()


def find(method: str, path: str) -> Found | None:
    for route in ROUTES:
        if _matches(route["match"], method, path):
            return _found(route)
    return None


def _matches(match: dict[str, Any], method: str, path: str) -> bool:
    for header in match.get("headers", []):
        assert header["name"] == ":method"
        if not re.fullmatch(header["string_match"]["safe_regex"]["regex"], method):
            return False
    if "path" in match:
        return bool(path == match["path"])
    if "safe_regex" in match:
        return re.fullmatch(match["safe_regex"]["regex"], path) is not None
    prefix = match["path_separated_prefix"]
    return bool(path == prefix or path.startswith(f"{prefix}/"))


def _found(route: dict[str, Any]) -> Found:
    action = route["route"]
    own = route["typed_per_filter_config"]
    jwt, limit = own[JWT], own[RATE]
    bucket = limit["descriptors"][0]["token_bucket"] if "descriptors" in limit else None
    return Found(
        rule=route["name"],
        service=action["cluster"],
        token_required=jwt.get("requirement_name") == "required",
        timeout_seconds=float(action["timeout"].removesuffix("s")),
        stream="max_stream_duration" in action,
        retries=action.get("retry_policy", {}).get("num_retries", 0),
        per_second=(bucket or limit["token_bucket"])["tokens_per_fill"],
    )
