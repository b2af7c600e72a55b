"""AWS API Gateway (shape b of the architecture): a REST API, because only that takes a web firewall and a request authorizer.

The definition is OpenAPI 3.0.1 with Amazon's extensions, one method per operation: what is not documented is not there.
`${...}` is for Terraform's `templatefile`. What the format cannot say (throttling, the firewall) is in the settings
beside it, which Terraform applies to the stage.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from edge.operations import Operation
from edge.problems import CAREFUL_HEADERS, PROBLEMS, Problem
from edge.table import VARIABLE, EdgeRoute, Headers, RouteTable

_AUTHORIZER: Final = "meridian"
_AUTHORIZER_SECONDS: Final = 60
_SET_BY_AMAZON: Final = frozenset({"x-forwarded-port"})

_RESPONSES: Final[Mapping[str, str]] = {
    "ACCESS_DENIED": "invalid_token",
    "API_CONFIGURATION_ERROR": "service_unavailable",
    "AUTHORIZER_CONFIGURATION_ERROR": "service_unavailable",
    "AUTHORIZER_FAILURE": "service_unavailable",
    "BAD_REQUEST_BODY": "malformed_request",
    "BAD_REQUEST_PARAMETERS": "malformed_request",
    "DEFAULT_4XX": "malformed_request",
    "DEFAULT_5XX": "service_unavailable",
    "EXPIRED_TOKEN": "invalid_token",
    "INTEGRATION_FAILURE": "service_unavailable",
    "INTEGRATION_TIMEOUT": "gateway_timeout",
    "INVALID_SIGNATURE": "invalid_token",
    "MISSING_AUTHENTICATION_TOKEN": "route_not_found",  # what it says of a path it does not know
    "REQUEST_TOO_LARGE": "body_too_large",
    "RESOURCE_NOT_FOUND": "route_not_found",
    "THROTTLED": "rate_limited",
    "UNAUTHORIZED": "authentication_required",
    "WAF_FILTERED": "request_blocked",
}
"""Amazon's names of what it refuses by itself, and our codes for them."""


def api_definition(table: RouteTable, operations: Sequence[Operation]) -> dict[str, Any]:
    """Build the definition to import."""
    methods = list(_methods(table, operations))
    paths: dict[str, dict[str, Any]] = {}
    for path, method, route in methods:
        paths.setdefault(path, {})[method.lower()] = _method(path, method, route, table)
    return {
        "openapi": "3.0.1",
        "info": {"title": "meridian-edge", "version": "1"},
        "servers": [
            {
                "url": "https://${domain_name}",
                # Clients come through the custom domain and its firewall, or not at all.
                "x-amazon-apigateway-endpoint-configuration": {"disableExecuteApiEndpoint": True},
            }
        ],
        "paths": paths,
        "components": {"securitySchemes": {_AUTHORIZER: _authorizer()}},
        "x-amazon-apigateway-gateway-responses": _gateway_responses(table.headers),
    }


def stage_settings(table: RouteTable, operations: Sequence[Operation]) -> dict[str, Any]:
    """Build what Terraform sets on the stage and the firewall: limits, and the secret's header.

    A method's limit is that of all clients together. One client's is the firewall's, which counts by address over a
    minute at least.
    """
    throttling = {
        f"{path.lstrip('/')}/{method}": {
            "throttling_rate_limit": route.rate.total,
            "throttling_burst_limit": route.rate.total_burst,
        }
        for path, method, route in _methods(table, operations)
    }
    per_client = [
        {
            "name": name,
            "limit": limits.requests * 60,
            "evaluation_window_seconds": 60,
            "path_regexes": [
                f"^{route.matcher.regex}$" for route in table.edge_routes if route.rate_name == name
            ],
        }
        for name, limits in table.rate_classes.items()
        if limits.per_client
    ]
    return {
        "method_settings": throttling,
        "firewall": {"origin_header": table.headers.origin_secret, "rate_rules": per_client},
    }


def _methods(
    table: RouteTable, operations: Sequence[Operation]
) -> Iterator[tuple[str, str, EdgeRoute]]:
    """Every method on every path, with its row; services answer HEAD wherever they answer GET."""
    names: dict[str, str] = {}
    for operation in operations:
        route = table.route_for(operation.example)
        if not operation.for_clients or route is None:
            continue
        path = _one_name_per_place(operation.path, names)
        yield path, operation.method, route
        if operation.method == "GET":
            yield path, "HEAD", route


def _one_name_per_place(path: str, names: dict[str, str]) -> str:
    """Give every variable the name it was first given: API Gateway takes one name per place in the tree."""
    parts: list[str] = []
    for part in path.split("/"):
        place = "/".join(parts)
        parts.append(names.setdefault(place, part) if VARIABLE.fullmatch(part) else part)
    return "/".join(parts)


def _method(path: str, method: str, route: EdgeRoute, table: RouteTable) -> dict[str, Any]:
    described: dict[str, Any] = {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in VARIABLE.findall(path)
        ],
        "responses": {"default": {"description": "What the service answers."}},
        "x-amazon-apigateway-integration": _integration(path, method, route, table),
    }
    if route.auth == "required":
        described["security"] = [{_AUTHORIZER: []}]
    return described


def _integration(path: str, method: str, route: EdgeRoute, table: RouteTable) -> dict[str, Any]:
    seconds = table.stream_seconds if route.stream else route.timeout_seconds
    return {
        "type": "http_proxy",
        "httpMethod": method,
        "uri": f"https://${{internal_host}}{route.served(path)}",
        "connectionType": "VPC_LINK",
        "connectionId": "${vpc_link_id}",
        "integrationTarget": "${load_balancer_arn}",
        "passthroughBehavior": "when_no_match",
        "timeoutInMillis": int(seconds * 1000),
        "responseTransferMode": "STREAM" if route.stream else "BUFFERED",
        "requestParameters": _request_parameters(path, route, table.headers),
    }


def _request_parameters(path: str, route: EdgeRoute, headers: Headers) -> dict[str, str]:
    """Blank what clients may not claim (a header can be overwritten here, not removed) and say what the edge says."""
    blank = (name for name in headers.removed_by_name if name not in _SET_BY_AMAZON)
    known = "context.authorizer.principalId" if route.auth == "required" else "''"
    said = {headers.request_id: "context.requestId", headers.user_id: known}
    return (
        {
            f"integration.request.path.{name}": f"method.request.path.{name}"
            for name in VARIABLE.findall(path)
        }
        | {f"integration.request.header.{name}": "''" for name in blank}
        | {f"integration.request.header.{name}": value for name, value in said.items()}
    )


def _authorizer() -> dict[str, Any]:
    return {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {
            "type": "request",
            "identitySource": "method.request.header.Authorization",
            "authorizerUri": "${authorizer_uri}",
            "authorizerCredentials": "${authorizer_role_arn}",
            "authorizerResultTtlInSeconds": _AUTHORIZER_SECONDS,
        },
    }


def _gateway_responses(headers: Headers) -> dict[str, Any]:
    return {kind: _gateway_response(PROBLEMS[code], headers) for kind, code in _RESPONSES.items()}


def _gateway_response(problem: Problem, headers: Headers) -> dict[str, Any]:
    """A problem document; without `instance`, because a template cannot escape what a client wrote as its path."""
    told = {"Content-Type": "'application/problem+json'", "Cache-Control": "'no-store'"}
    # Values stand between quotes and cannot hold one: the content policy is CloudFront's to add.
    told |= {name: f"'{value}'" for name, value in CAREFUL_HEADERS.items() if "'" not in value}
    if problem.retry_after_seconds is not None:
        told["Retry-After"] = f"'{problem.retry_after_seconds}'"
    if problem.challenge is not None:
        told["WWW-Authenticate"] = f"'{problem.challenge}'"
    told[headers.request_id] = "context.requestId"
    document = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": "$context.requestId",
    }
    return {
        "statusCode": problem.status,
        "responseParameters": {
            f"gatewayresponse.header.{name}": value for name, value in told.items()
        },
        "responseTemplates": {"application/json": json.dumps(document)},
    }
