"""Shape b of the edge, planned for production: API Gateway, its function, the internal load balancer; no way around."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from deploy.terraform.layout import Layout, Place
from edge.authorizer.settings import AuthorizerSettings
from tests.terraform.sandbox import Sandbox

EDGE = Place("prod", "eu-west-1", "edge")
SHAPE_B = {
    "shape": "apigateway",
    "authorizer_image_uri": f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/meridian/authorizer@sha256:{'0' * 64}",
}
SET_BY_LAMBDA = {"AWS_LAMBDA_RUNTIME_API", "AWS_REGION"}

Plan = Mapping[str, Any]


@pytest.fixture(scope="module")
def plan(sandbox: Sandbox) -> Plan:
    return sandbox.plan(EDGE, SHAPE_B)


def planned(plan: Plan, kind: str) -> Iterator[Mapping[str, Any]]:
    for one in plan["resource_changes"]:
        if one["type"] == kind:
            yield one["change"]


def test_the_function_is_told_all_its_settings_and_nothing_it_does_not_read() -> None:
    module = Layout().terraform / "modules" / "api-gateway" / "authorizer.tf"
    [block] = re.findall(r"variables = \{(.*?)\n    \}", module.read_text(), re.DOTALL)
    told = set(re.findall(r"^\s+([A-Z_]+)\s+= ", block, re.MULTILINE))
    fields = AuthorizerSettings.model_fields
    required = {name.upper() for name, field in fields.items() if field.is_required()}
    assert required - SET_BY_LAMBDA <= told <= {name.upper() for name in fields} - SET_BY_LAMBDA


def test_the_function_lies_in_the_vpc_and_may_reach_the_internal_load_balancer(
    plan: Plan, sandbox: Sandbox
) -> None:
    network = sandbox.fixture("network", EDGE.region)
    [function] = (one["after"] for one in planned(plan, "aws_lambda_function"))
    [inside] = function["vpc_config"]
    assert sorted(inside["subnet_ids"]) == network["app_subnet_ids"]
    assert inside["security_group_ids"] == [network["security_group_ids"]["functions"]]
    [balancer] = (one["after"] for one in planned(plan, "aws_lb"))
    assert balancer["internal"] is True
    assert balancer["security_groups"] == [network["security_group_ids"]["internal_alb"]]


def test_a_regions_firewall_asks_for_the_secret_and_counts_no_address_a_client_can_write(
    plan: Plan,
) -> None:
    [firewall] = (one["after"] for one in planned(plan, "aws_wafv2_web_acl"))
    names = {rule["name"] for rule in firewall["rule"]}
    assert "origin" in names
    assert not {name for name in names if name.startswith("rate-")}
