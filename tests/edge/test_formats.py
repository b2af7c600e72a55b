"""The files are what their readers take: Amazon's and Kong's rules, as their documents state them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from jsonschema import Draft202012Validator

from edge.kong import kong_file, with_keys
from edge.table import RouteTable, load_table
from tests.edge.readers import api_gateway, cloudfront, kong

FORMATS = Path(__file__).parent / "formats"
DEFINITION = api_gateway.DEFINITION
METHODS = [
    (path, method, described)
    for path, methods in DEFINITION["paths"].items()
    for method, described in methods.items()
]

MOST_RESOURCES = 300  # API Gateway's quotas
MOST_BYTES = 6 * 1024 * 1024
MOST_BEHAVIOURS = 75  # CloudFront's quotas
MOST_FORWARDED_HEADERS = 10
METHOD_SETS = (
    {"GET", "HEAD"},
    {"GET", "HEAD", "OPTIONS"},
    {"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"},
)

NOT_TO_BE_MAPPED = {
    "connection", "content-length", "content-md5", "date", "expect", "host", "max-forwards", "proxy-authenticate",
    "server", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "www-authenticate",
}  # fmt: skip
"""Headers API Gateway keeps for itself."""


def problems(document: dict[str, Any], format_name: str) -> list[str]:
    schema = json.loads((FORMATS / format_name).read_text())
    Draft202012Validator.check_schema(schema)
    return [
        f"{error.json_path}: {error.message[:200]}"
        for error in Draft202012Validator(schema).iter_errors(document)
    ]


def test_the_definition_is_what_api_gateway_imports() -> None:
    assert not problems(DEFINITION, "api-gateway.json")
    assert len(json.dumps(DEFINITION)) < MOST_BYTES


def test_the_tree_of_resources_is_within_its_limits() -> None:
    places: dict[str, set[str]] = {}
    for path in DEFINITION["paths"]:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            places.setdefault("/".join(parts[:depth]), set()).add(parts[depth])
    assert sum(len(children) for children in places.values()) < MOST_RESOURCES
    for place, children in places.items():
        variables = [child for child in children if "{" in child]
        assert len(variables) <= 1, f"below {place} a variable has several names: {variables}"


@pytest.mark.parametrize(("path", "method", "described"), METHODS, ids=lambda one: str(one)[:60])
def test_path_variables_are_declared_and_passed_on(
    path: str, method: str, described: dict[str, Any]
) -> None:
    variables = set(re.findall(r"\{([a-z_]+)\}", path))
    integration = described["x-amazon-apigateway-integration"]
    uri = re.sub(r"\$\{[a-z_]+\}", "", integration["uri"])
    assert set(re.findall(r"\{([a-z_]+)\}", uri)) == variables
    assert {one["name"] for one in described["parameters"]} == variables
    passed = {
        name.rpartition(".")[2]: value
        for name, value in integration["requestParameters"].items()
        if ".path." in name
    }
    assert passed == {name: f"method.request.path.{name}" for name in variables}
    assert integration["httpMethod"] == method.upper()


@pytest.mark.parametrize(("path", "method", "described"), METHODS, ids=lambda one: str(one)[:60])
def test_what_clients_may_not_claim_is_blanked(
    path: str, method: str, described: dict[str, Any]
) -> None:
    headers = load_table().headers
    mapped = {
        name.rpartition(".")[2]: value
        for name, value in described["x-amazon-apigateway-integration"]["requestParameters"].items()
        if ".header." in name
    }
    assert set(mapped) >= {*headers.stripped, "x-origin-secret"} - {
        "x-forwarded-port"
    }  # Amazon writes that one
    assert not set(mapped) & NOT_TO_BE_MAPPED
    assert mapped[headers.request_id] == "context.requestId"
    known = mapped.pop(headers.user_id)
    assert known == ("context.authorizer.principalId" if "security" in described else "''")
    assert {mapped[n] for n in headers.removed_by_name if n in mapped} == {"''"}


def test_a_refusal_of_api_gateway_is_a_problem_document() -> None:
    for kind, response in DEFINITION["x-amazon-apigateway-gateway-responses"].items():
        document = json.loads(response["responseTemplates"]["application/json"])
        assert document["status"] == response["statusCode"], kind
        assert document["type"] == f"urn:meridian:problem:{document['code']}"
        assert document["request_id"] == "$context.requestId"
        told = response["responseParameters"]
        assert told["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        assert ("gatewayresponse.header.Retry-After" in told) == (
            response["statusCode"] in {429, 503, 504}
        )


def test_terraform_can_fill_in_every_blank() -> None:
    blanks = set(re.findall(r"\$\{([a-z_]+)\}", json.dumps(DEFINITION)))
    assert blanks == {
        "authorizer_role_arn",
        "authorizer_uri",
        "domain_name",
        "internal_host",
        "load_balancer_arn",
        "vpc_link_id",
    }
    assert "%{" not in json.dumps(DEFINITION)


def test_every_method_has_its_limit_on_the_stage() -> None:
    assert set(api_gateway.STAGE["method_settings"]) == {
        f"{path.lstrip('/')}/{method.upper()}" for path, method, _ in METHODS
    }


def test_the_file_is_what_kong_loads() -> None:
    assert not problems(kong.FILE, "kong.json")
    names = [service["name"] for service in kong.FILE["services"]]
    assert len(names) == len(set(names))


def test_kong_removes_what_clients_may_not_claim_on_every_route() -> None:
    headers = load_table().headers
    for service, route in kong.ROUTES:
        config = next(p["config"] for p in route["plugins"] if p["name"] == "request-transformer")
        assert config["remove"]["headers"] == [*headers.stripped, "x-origin-secret"], service[
            "name"
        ]


def test_kongs_file_holds_no_key_until_it_is_given_the_published_ones() -> None:
    assert kong.FILE["consumers"][0]["jwt_secrets"] == []
    assert not re.search(r'BEGIN|"(secret|password)":', json.dumps(kong.FILE))
    keys = [RSAKey.generate_key(2048, {"kid": kid, "alg": "RS256"}) for kid in ("a", "b")]
    jwks = {"keys": [key.as_dict(private=False) for key in keys]}
    complete = with_keys(kong_file(load_table()), jwks)
    assert not problems(complete, "kong.json")
    given = {one["key"]: one["rsa_public_key"] for one in complete["consumers"][0]["jwt_secrets"]}
    assert given == {str(key.kid): key.as_pem(private=False).decode() for key in keys}


def test_kong_never_publishes_a_private_key_it_was_given_by_mistake() -> None:
    key = RSAKey.generate_key(2048, {"kid": "a", "alg": "RS256"})
    complete = with_keys(kong_file(load_table()), {"keys": [key.as_dict(private=True)]})
    assert "PRIVATE" not in json.dumps(complete)


def test_kong_writes_another_version_as_the_services_know_it() -> None:
    table = load_table().model_dump(by_alias=True)
    table["versions"] = {"v1": "v1", "v2": "v1"}
    plain = next(row for row in table["routes"] if row["path"] == "/me")
    table["routes"] = [{**plain, "version": "v2"}]
    file = kong_file(RouteTable.model_validate(table))
    assert not problems(file, "kong.json")
    route = file["services"][0]["routes"][0]
    found = re.match(route["paths"][0][1:].replace("?<", "?P<"), "/v2/me/addresses")
    assert found is not None
    transformer = route["plugins"][0]["config"]
    assert transformer["replace"]["uri"] == "/v1$(uri_captures['rest'])"
    assert found["rest"] == "/me/addresses"


def test_the_behaviours_are_what_cloudfront_takes() -> None:
    file = cloudfront.FILE
    assert len(file["behaviours"]) <= MOST_BEHAVIOURS
    patterns = [behaviour["path_pattern"] for behaviour in file["behaviours"]]
    assert len(patterns) == len(set(patterns))
    for behaviour in (*file["behaviours"], file["default_behaviour"]):
        assert len(behaviour["path_pattern"]) <= 255
        assert set(behaviour["allowed_methods"]) in METHOD_SETS
        assert behaviour["cache_policy"] in file["cache_policies"]
        assert behaviour["origin"] in file["origins"]
        policy = behaviour["origin_request_policy"]
        assert (policy in file["origin_request_policies"]) == (behaviour["origin"] == "api")


def test_the_policies_are_what_cloudfront_takes() -> None:
    for policy in cloudfront.FILE["cache_policies"].values():
        if "managed" in policy:
            continue
        assert policy["min_ttl"] <= policy["default_ttl"] <= policy["max_ttl"]
        assert policy["max_ttl"] > 0, "with caching off a key may hold no header"
        assert len(policy["headers"]) <= MOST_FORWARDED_HEADERS
    forwarded = cloudfront.FILE["origin_request_policies"]["through_caches"]["headers"]
    assert len(forwarded) <= MOST_FORWARDED_HEADERS
    assert "authorization" not in forwarded  # belongs into the key, and CloudFront insists


def test_the_three_cache_classes_are_those_of_the_topology() -> None:
    policies = cloudfront.FILE["cache_policies"]
    assert policies["none"] == {"managed": "CachingDisabled"}, (
        "AWS is asked for its id by Terraform"
    )
    assert policies["five_minutes"]["max_ttl"] == 5 * 60
    assert policies["one_year"]["max_ttl"] == 365 * 24 * 60 * 60
    static = cloudfront.behaviour_for("/static/app.js")
    assert (static["cache_policy"], static["origin"]) == ("one_year", "assets")


def test_what_one_client_is_refused_no_other_is_served() -> None:
    """A cached refusal would be everybody's; and what is not part of the key must not change a cached answer."""
    assert set(cloudfront.FILE["error_caching_min_ttl"].values()) == {0}
    policies = cloudfront.FILE["origin_request_policies"]
    for behaviour in cloudfront.FILE["behaviours"]:
        if behaviour["cache"] != "none" and behaviour["origin"] == "api":
            assert behaviour["origin_request_policy"] == "through_caches"
            key = cloudfront.FILE["cache_policies"][behaviour["cache_policy"]]["headers"]
            assert "authorization" in key
    assert "request-timeout" not in policies["through_caches"]["headers"]


def test_a_stream_is_neither_compressed_nor_cut_between_its_heartbeats() -> None:
    events = cloudfront.behaviour_for("/v1/orders/ord_1/events")
    assert not events["compress"]
    assert events["cache"] == "none"
    origin = cloudfront.FILE["origins"]["api"]
    longest = max(route.timeout_seconds for route in load_table().edge_routes)
    assert max(longest, 15) < origin["read_timeout"] <= 120
