"""API Gateway: the resource with the most literal parts, then its method."""

import json
import re
from typing import Any

from tests.edge.readers.files import GATEWAY
from tests.edge.readers.found import Found

DEFINITION: dict[str, Any] = json.loads((GATEWAY / "api-gateway.json").read_text())
STAGE: dict[str, Any] = json.loads((GATEWAY / "api-gateway-stage.json").read_text())


def find(method: str, path: str) -> Found | None:
    resource = _resource(path)
    if resource is None or method.lower() not in DEFINITION["paths"][resource]:
        return None
    described = DEFINITION["paths"][resource][method.lower()]
    integration = described["x-amazon-apigateway-integration"]
    limits = STAGE["method_settings"][f"{resource.lstrip('/')}/{method}"]
    stream = integration["responseTransferMode"] == "STREAM"
    return Found(
        rule=resource,
        token_required=bool(described.get("security")),
        timeout_seconds=0 if stream else integration["timeoutInMillis"] / 1000,
        stream=stream,
        retries=0,
        per_second=limits["throttling_rate_limit"],
    )


def _resource(path: str) -> str | None:
    paths: list[str] = list(DEFINITION["paths"])
    fitting = [one for one in paths if _fits(one, path)]
    if not fitting:
        return None
    return min(fitting, key=lambda one: ["{" in part for part in one.split("/")])


def _fits(resource: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{[a-z_]+\}", "[^/]+", resource), path) is not None
