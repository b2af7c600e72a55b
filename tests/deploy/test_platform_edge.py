"""The way from the load balancer into the cluster: bound to Terraform's, or made by the controller, in both shapes."""

import json
import re
from typing import Any

import pytest
import yaml

from edge.envoy.surroundings import TRUSTED_PROXIES
from edge.table import load_table
from tests.architecture.applications import ROOT
from tests.deploy.charts import find, of_kind
from tests.deploy.platform import OPTIONS, PLACES, WITHOUT_TERRAFORM, Place
from tests.deploy.region import values_at

SHAPE_B = {"edge": {"shape": "apigateway"}}
INGRESS_MODULE = ROOT / "deploy" / "terraform" / "modules" / "ingress" / "main.tf"
CLUSTER_MODULE = ROOT / "deploy" / "terraform" / "modules" / "cluster" / "controllers.tf"


def bindings(changes: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    found = of_kind(Place().rendered(changes), "TargetGroupBinding")
    return {one["metadata"]["name"]: one for one in found}


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_groups_terraform_made_are_filled_with_the_gateways_two_ports(place: Place) -> None:
    manifests = place.rendered()
    groups = place.values()["edge"]["targetGroups"]
    for name, number in {"http": 8080, "status": 8081}.items():
        binding = find(manifests, "TargetGroupBinding", f"edge-{name}")
        assert binding["metadata"]["namespace"] == "meridian"
        assert binding["spec"]["targetGroupARN"] == groups[name]
        assert binding["spec"]["serviceRef"] == {"name": "gateway", "port": number}
        assert binding["spec"]["targetType"] == "ip"
    assert not of_kind(manifests, "Ingress"), "it would make a second load balancer"


def test_in_the_other_shape_they_are_filled_with_istios_gateway_where_it_lives() -> None:
    for name, number in {"http": 80, "status": 15021}.items():
        binding = bindings(SHAPE_B)[f"edge-{name}"]
        assert binding["metadata"]["namespace"] == "istio-ingress"
        assert binding["spec"]["serviceRef"] == {"name": "istio-ingressgateway", "port": number}


def test_security_groups_stay_terraforms() -> None:
    for binding in [*bindings().values(), *bindings(SHAPE_B).values()]:
        assert "networking" not in binding["spec"]


def test_the_controllers_role_may_fill_exactly_the_groups_that_the_values_may_name() -> None:
    """A group of another name would be taken by the schema and denied by AWS, or the other way round."""
    allowed = re.findall(r":targetgroup/(m-[a-z]+)\*/\*", CLUSTER_MODULE.read_text())
    made = dict(re.findall(r'(\w+) = "(m-[a-z]+)"', INGRESS_MODULE.read_text()))
    assert made == {"http": "m-http", "status": "m-stat"}
    assert sorted(allowed) == sorted(made.values())
    schema = json.loads((ROOT / "deploy/helm/platform/values.schema.json").read_text())
    example = (
        "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/{}2026/0123456789abcdef"
    )
    for kind, name in made.items():
        pattern = schema["$defs"][f"{kind}TargetGroup"]["pattern"]
        groups = [*made.values(), "k8s-meridian"]
        assert [one for one in groups if re.search(pattern, example.format(one))] == [name]


def test_terraforms_load_balancer_waits_for_the_longest_request_and_the_gateway_for_it() -> None:
    [drain] = re.findall(r"http\s+= \{.*drain = (\d+) \}", INGRESS_MODULE.read_text())
    pod = find(Place().rendered(), "Deployment", "gateway")["spec"]["template"]["spec"]
    sleep = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    longest = max(route.timeout_seconds for route in load_table().edge_routes)
    assert longest <= int(drain) < sleep


def test_without_terraform_an_ingress_makes_the_load_balancer_in_both_shapes() -> None:
    manifests = Place().rendered(OPTIONS["ingress"])
    outer = find(manifests, "Ingress", "edge")["metadata"]["annotations"]
    assert outer["alb.ingress.kubernetes.io/scheme"] == "internet-facing"
    assert outer["alb.ingress.kubernetes.io/wafv2-acl-arn"] == WITHOUT_TERRAFORM["wafAclArn"]
    assert "zonal_shift.config.enabled=true" in str(outer)
    assert not of_kind(manifests, "TargetGroupBinding")
    manifests = Place().rendered(OPTIONS["shape b, ingress"])
    inner = find(manifests, "Ingress", "edge")
    annotations = inner["metadata"]["annotations"]
    assert annotations["alb.ingress.kubernetes.io/scheme"] == "internal"
    assert "alb.ingress.kubernetes.io/wafv2-acl-arn" not in annotations
    assert inner["metadata"]["namespace"] == "istio-ingress"
    assert not [m for m in manifests if m["metadata"]["name"] == "gateway"]


def test_the_gateway_api_says_the_same_as_the_ingress() -> None:
    manifests = Place().rendered(OPTIONS["gateway api"])
    assert not of_kind(manifests, "Ingress")
    assert not of_kind(manifests, "TargetGroupBinding")
    route = find(manifests, "HTTPRoute", "edge")["spec"]
    assert route["hostnames"] == ["api-us.example.com"]
    assert route["rules"][0]["backendRefs"] == [{"name": "gateway", "port": 8080}]


def test_the_gateway_believes_as_many_proxies_as_stand_in_front_of_it() -> None:
    config = find(Place().rendered(), "ConfigMap", "gateway-envoy")["data"]["envoy.yaml"]
    [hops] = values_at(yaml.safe_load(config), "xff_num_trusted_hops")
    assert hops == TRUSTED_PROXIES["alb"] == 2


def test_in_the_other_shape_istios_gateway_believes_one_more() -> None:
    manifests = Place().rendered(SHAPE_B)
    told = find(manifests, "EnvoyFilter", "edge-client-address")
    assert told["metadata"]["namespace"] == "istio-ingress"
    selector = find(manifests, "Gateway", "edge")["spec"]["selector"]
    assert told["spec"]["workloadSelector"]["labels"] == selector
    [patch] = told["spec"]["configPatches"]
    assert patch["match"]["context"] == "GATEWAY"
    manager = patch["patch"]["value"]["typed_config"]
    assert manager["xff_num_trusted_hops"] == TRUSTED_PROXIES["apigateway"] == 3
    assert manager["use_remote_address"] is True
    assert not of_kind(Place().rendered(), "EnvoyFilter")


def test_in_the_other_shape_services_are_told_one_address_on_every_route() -> None:
    routes = find(Place().rendered(SHAPE_B), "VirtualService", "edge")["spec"]["http"]
    said = [route["headers"]["request"]["set"] for route in routes]
    assert said == [{"x-forwarded-for": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}] * len(routes)
