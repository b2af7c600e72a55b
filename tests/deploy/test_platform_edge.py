"""The way from the load balancer into the cluster: bound to Terraform's, or made by the controller, in both shapes."""

import json
import re
from typing import Any

import pytest
import yaml

from edge.envoy.surroundings import CERTIFICATE, TRUSTED_PROXIES
from edge.table import load_table
from libs.security.certificates import self_signed
from tests.architecture.applications import ROOT
from tests.deploy.charts import Manifest, find, of_kind
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
    for name, number in {"http": 443, "status": 443}.items():
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
    status, *routes = routes
    assert status["directResponse"] == {"status": 200}
    said = [route["headers"]["request"]["set"] for route in routes]
    assert said == [{"x-forwarded-for": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}] * len(routes)


def certificate_of(manifests: list[Manifest]) -> Manifest:
    """What External Secrets makes of the secret that `python -m libs.security certificate` wrote."""
    made = find(manifests, "ExternalSecret", "gateway-certificate")
    assert {one["secretKey"]: one["remoteRef"] for one in made["spec"]["data"]} == {
        "tls.crt": {"key": "meridian/prod/gateway/certificate", "property": "certificate"},
        "tls.key": {"key": "meridian/prod/gateway/certificate", "property": "key"},
    }
    assert set(self_signed(["gateway"])) == {"certificate", "key"}
    assert made["spec"]["target"]["template"] == {"type": "kubernetes.io/tls"}
    return made


def test_the_gateway_takes_nothing_in_clear() -> None:
    manifests = Place().rendered()
    made = certificate_of(manifests)
    pod = find(manifests, "Deployment", "gateway")["spec"]["template"]["spec"]
    (volume,) = (one for one in pod["volumes"] if one["name"] == "certificate")
    assert volume["secret"]["secretName"] == made["spec"]["target"]["name"]
    envoy, mounts = pod["containers"][0], pod["containers"][0]["volumeMounts"]
    assert {"name": "certificate", "mountPath": CERTIFICATE, "readOnly": True} in mounts
    for probe in ("startupProbe", "readinessProbe"):
        assert envoy[probe]["httpGet"]["scheme"] == "HTTPS"
    config = find(manifests, "ConfigMap", "gateway-envoy")["data"]["envoy.yaml"]
    for listener in yaml.safe_load(config)["static_resources"]["listeners"]:
        for chain in listener["filter_chains"]:
            context = chain["transport_socket"]["typed_config"]["common_tls_context"]
            assert context["tls_params"] == {"tls_minimum_protocol_version": "TLSv1_2"}
            (shown,) = context["tls_certificates"]
            assert shown["private_key"] == {"filename": f"{CERTIFICATE}/tls.key"}


def test_prometheus_knows_the_gateway_by_the_certificate_it_shows() -> None:
    manifests = Place().rendered()
    (endpoint,) = find(manifests, "ServiceMonitor", "gateway")["spec"]["endpoints"]
    ports = {one["name"]: one for one in find(manifests, "Service", "gateway")["spec"]["ports"]}
    assert ports[endpoint["port"]]["port"] == 8081
    assert endpoint["scheme"] == "https"
    made = certificate_of(manifests)["spec"]["target"]["name"]
    assert endpoint["tlsConfig"] == {
        "ca": {"secret": {"name": made, "key": "tls.crt"}},
        "serverName": "gateway.meridian.svc.cluster.local",
    }


def test_in_the_other_shape_istios_gateway_takes_nothing_in_clear() -> None:
    manifests = Place().rendered(SHAPE_B)
    made = certificate_of(manifests)
    assert made["metadata"]["namespace"] == "istio-ingress", "where the gateway's pods are"
    store = find(manifests, "ClusterSecretStore", "aws-secrets-manager")["spec"]
    assert store["conditions"] == [{"namespaces": ["meridian", "istio-ingress"]}]
    (server,) = find(manifests, "Gateway", "edge")["spec"]["servers"]
    assert server["port"] == {"number": 443, "name": "https", "protocol": "HTTPS"}
    assert server["tls"] == {
        "mode": "SIMPLE",
        "credentialName": made["spec"]["target"]["name"],
        "minProtocolVersion": "TLSV1_2",
    }
    assert server["hosts"] == ["*"], "a handshake may name no host"
    asked = find(manifests, "VirtualService", "edge-status")["spec"]
    assert asked["hosts"] == ["*"]
    (answer,) = asked["http"]
    assert answer["match"][0]["uri"] == {"exact": "/healthz/ready"}
    assert answer["directResponse"] == {"status": 200}


@pytest.mark.parametrize("option", ["ingress", "shape b, ingress"])
def test_a_load_balancer_of_the_controllers_speaks_tls_with_the_gateway(option: str) -> None:
    said = find(Place().rendered(OPTIONS[option]), "Ingress", "edge")["metadata"]["annotations"]
    assert said["alb.ingress.kubernetes.io/backend-protocol"] == "HTTPS"
    assert said["alb.ingress.kubernetes.io/healthcheck-protocol"] == "HTTPS"


@pytest.mark.parametrize("option", ["gateway api", "shape b, gateway api"])
def test_and_so_does_one_that_the_gateway_api_makes(option: str) -> None:
    groups = find(Place().rendered(OPTIONS[option]), "TargetGroupConfiguration", "edge")["spec"]
    assert groups["defaultConfiguration"]["protocol"] == "HTTPS"
    assert groups["defaultConfiguration"]["healthCheckConfig"]["healthCheckProtocol"] == "HTTPS"
