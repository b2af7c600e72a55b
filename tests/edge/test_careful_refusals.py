"""What the edge says by itself is as careful with browsers as what services say."""

import json

import pytest

from edge.envoy.bootstrap import envoy_config
from edge.envoy.surroundings import Surroundings
from edge.problems import CAREFUL_HEADERS
from edge.table import ROOT, load_table
from libs.web.middleware import headers as services
from tests.edge.test_envoy_config import EVERYWHERE, manager_of

HSTS = "strict-transport-security"


@pytest.mark.parametrize("where", EVERYWHERE.values(), ids=list(EVERYWHERE))
def test_a_refusal_of_the_edge_is_as_careful_as_an_answer(where: Surroundings) -> None:
    replies = manager_of(envoy_config(load_table(), where))["local_reply_config"]["mappers"]
    assert replies
    for reply in replies:
        told = {one["header"]["key"]: one["header"]["value"] for one in reply["headers_to_add"]}
        assert told.items() >= CAREFUL_HEADERS.items()
    said = dict([*services._ALWAYS, *services._UNLESS_SET])
    assert {name: said[name.encode()].decode() for name in CAREFUL_HEADERS} == CAREFUL_HEADERS
    assert set(CAREFUL_HEADERS) >= {HSTS, "x-content-type-options", "content-security-policy"}


def test_a_refusal_of_api_gateway_is_careful_too() -> None:
    document = json.loads((ROOT / "deploy/gateway/api-gateway.json").read_text())
    for response in document["x-amazon-apigateway-gateway-responses"].values():
        told = response["responseParameters"]
        for name in (HSTS, "x-content-type-options"):
            assert told[f"gatewayresponse.header.{name}"] == f"'{CAREFUL_HEADERS[name]}'"
