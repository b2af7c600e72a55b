"""What all services share in a cluster, rendered for every environment and region."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from libs.topology import SERVICES
from local.binaries import envoy_program
from tests.deploy.charts import (
    PLATFORM_CHART,
    Manifest,
    container_of,
    find,
    hooks,
    lint,
    of_kind,
    pod_of,
)
from tests.deploy.platform import OPTIONS, PLACES, Place
from tests.edge.containers import with_certificate

MESH_GROUPS = ("security.istio.io", "networking.istio.io", "telemetry.istio.io")
CLUSTER_WIDE = {"Namespace", "PriorityClass", "ClusterSecretStore", "GatewayClass"}


def prod() -> list[Manifest]:
    return Place().rendered()


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_helm_finds_no_fault_with_the_chart(place: Place) -> None:
    assert lint(PLATFORM_CHART, place.values()) == []


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_renders_and_lints(option: str) -> None:
    assert Place().rendered(OPTIONS[option])
    assert lint(PLATFORM_CHART, Place().values(OPTIONS[option])) == []


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_an_object_lies_in_a_namespace_or_is_of_the_whole_cluster(place: Place) -> None:
    for manifest in place.rendered():
        namespace = manifest["metadata"].get("namespace")
        if manifest["kind"] in CLUSTER_WIDE:
            assert namespace is None
        else:
            assert namespace in {"meridian", "observability"}, manifest["metadata"]["name"]
    names = [(m["apiVersion"], m["kind"], m["metadata"]["name"]) for m in place.rendered()]
    assert len(names) == len(set(names))


def test_the_namespace_admits_restricted_pods_only_and_gives_each_its_sidecar() -> None:
    labels = find(prod(), "Namespace", "meridian")["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
    assert labels["istio-injection"] == "enabled"


def test_nothing_goes_in_or_out_unless_a_policy_opens_it() -> None:
    deny = find(prod(), "NetworkPolicy", "default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_gateway_is_reached_from_the_load_balancers_subnets_and_reaches_services_alone(
    place: Place,
) -> None:
    policy = find(place.rendered(), "NetworkPolicy", "gateway")["spec"]
    balancer, monitoring = policy["ingress"]
    assert [one["ipBlock"]["cidr"] for one in balancer["from"]] == place.values()["network"][
        "public"
    ]
    assert {one["port"] for one in balancer["ports"]} == {8080, 8081}
    assert [one["port"] for one in monitoring["ports"]] == [8081]
    (services,) = policy["egress"]
    (peer,) = services["to"]
    assert peer["podSelector"]["matchExpressions"][0]["values"] == list(SERVICES)
    assert [one["port"] for one in services["ports"]] == [8080]


def test_sidecars_may_send_their_spans_to_where_telemetry_says() -> None:
    policy = find(prod(), "NetworkPolicy", "allow-sidecar-traces")["spec"]
    service = find(prod(), "Service", "otel-collector")
    (rule,) = policy["egress"]
    (peer,) = rule["to"]
    assert policy["podSelector"] == {}
    assert peer["podSelector"]["matchLabels"] == service["spec"]["selector"]
    assert {one["port"] for one in rule["ports"]} == {4317}
    assert 4317 in {one["port"] for one in service["spec"]["ports"]}


def test_the_collector_takes_all_that_services_push() -> None:
    config = find(prod(), "ConfigMap", "otel-collector")["data"]["config.yaml"]
    pipelines = yaml.safe_load(config)["service"]["pipelines"]
    assert {name: one["receivers"] for name, one in pipelines.items()} == {
        "traces": ["otlp"],
        "metrics": ["otlp"],
    }


def test_in_the_other_shape_istios_gateway_gets_through_to_the_services() -> None:
    changes = {"edge": {"shape": "apigateway"}}
    policy = find(Place().rendered(changes), "NetworkPolicy", "allow-ingress-gateway")["spec"]
    assert policy["podSelector"]["matchLabels"] == {"app.kubernetes.io/component": "api"}
    ((peer,),) = [rule["from"] for rule in policy["ingress"]]
    assert peer["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "istio-ingress"
    }
    assert [one["port"] for one in policy["ingress"][0]["ports"]] == [8080]
    assert "allow-ingress-gateway" not in {
        one["metadata"]["name"] for one in of_kind(prod(), "NetworkPolicy")
    }


def test_three_classes_say_who_goes_first() -> None:
    values = {c["metadata"]["name"]: c["value"] for c in of_kind(prod(), "PriorityClass")}
    assert values["meridian-critical"] > values["meridian-standard"] > values["meridian-background"]


@pytest.mark.parametrize("name", ["gateway", "otel-collector"])
def test_our_own_pods_are_restricted(name: str) -> None:
    deployment = find(prod(), "Deployment", name)
    pod, container = pod_of(deployment)["spec"], container_of(deployment)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}


def test_the_gateway_lives_through_rollouts_drains_and_lost_zones() -> None:
    deployment = find(prod(), "Deployment", "gateway")
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert "replicas" not in deployment["spec"], "the autoscaler's business"
    pod, container = pod_of(deployment)["spec"], container_of(deployment)
    assert {one["topologyKey"] for one in pod["topologySpreadConstraints"]} == {
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    }
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > pause
    budget = find(prod(), "PodDisruptionBudget", "gateway")["spec"]
    assert budget["maxUnavailable"] == 1
    scaler = find(prod(), "HorizontalPodAutoscaler", "gateway")["spec"]
    assert scaler["minReplicas"] == 3
    assert find(prod(), "Service", "gateway")["spec"]["selector"].items() <= (
        pod_of(deployment)["metadata"]["labels"].items()
    )


def test_a_change_of_the_configuration_starts_new_gateways() -> None:
    annotations = pod_of(find(prod(), "Deployment", "gateway"))["metadata"]["annotations"]
    other = Place(region="eu-west-1").rendered()
    elsewhere = pod_of(find(other, "Deployment", "gateway"))["metadata"]["annotations"]
    assert annotations["checksum/envoy"] != elsewhere["checksum/envoy"]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_gateways_configuration_is_filled_in_for_its_region(place: Place) -> None:
    text = find(place.rendered(), "ConfigMap", "gateway-envoy")["data"]["envoy.yaml"]
    assert not re.findall(r"^[^#\n]*\$\{[A-Z_]+\}", text, re.MULTILINE)
    assert place.values()["identity"]["issuer"] in text
    assert "order.meridian.svc.cluster.local" in text


def test_envoy_accepts_the_configuration(tmp_path: Path) -> None:
    text = find(prod(), "ConfigMap", "gateway-envoy")["data"]["envoy.yaml"]
    file = tmp_path / "envoy.yaml"
    file.write_text(with_certificate(text, tmp_path))
    checked = subprocess.run(
        [envoy_program(), "--mode", "validate", "--config-path", file, "--log-level", "error"],
        capture_output=True,
        text=True,
        check=False,
        env={"ORIGIN_SECRET": "now", "ORIGIN_SECRET_PREVIOUS": "before"},
    )
    assert checked.returncode == 0, checked.stderr[-2000:]


def test_the_ports_of_the_gateway_line_up() -> None:
    envoy = yaml.safe_load(find(prod(), "ConfigMap", "gateway-envoy")["data"]["envoy.yaml"])
    listened = {
        one["address"]["socket_address"]["port_value"]: one["address"]["socket_address"]["address"]
        for one in envoy["static_resources"]["listeners"]
    }
    assert listened == {8080: "0.0.0.0", 8081: "0.0.0.0"}  # noqa: S104 - a container's own addresses
    assert envoy["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"
    ports = {
        one["containerPort"] for one in container_of(find(prod(), "Deployment", "gateway"))["ports"]
    }
    assert ports == {8080, 8081}


def test_without_the_mesh_nothing_of_it_is_left() -> None:
    manifests = Place().rendered({"mesh": {"enabled": False}})
    assert not [m["kind"] for m in manifests if m["apiVersion"].startswith(MESH_GROUPS)]
    assert "istio" not in str(find(manifests, "Namespace", "meridian")["metadata"]["labels"])


def test_secrets_come_from_the_store_that_only_this_namespace_may_use() -> None:
    store = find(prod(), "ClusterSecretStore", "aws-secrets-manager")["spec"]
    assert store["conditions"] == [{"namespaces": ["meridian"]}]
    origin = find(prod(), "ExternalSecret", "gateway-origin")["spec"]
    assert origin["target"]["name"] == "gateway-origin"
    container = container_of(find(prod(), "Deployment", "gateway"))
    assert container["envFrom"] == [{"secretRef": {"name": "gateway-origin"}}]


def test_the_databases_roles_are_made_after_all_it_needs_and_by_a_pod_that_ends() -> None:
    manifests = Place().rendered({"databaseBootstrap": {"enabled": True}})
    job = find(manifests, "Job", "database-bootstrap")
    assert hooks(manifests, "post-install") == hooks(manifests, "post-upgrade") == [job]
    labels = pod_of(job)["metadata"]["labels"]
    assert labels["sidecar.istio.io/inject"] == "false"
    policy = find(manifests, "NetworkPolicy", "database-bootstrap")["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    (egress,) = policy["egress"]
    assert [one["ipBlock"]["cidr"] for one in egress["to"]] == Place().values()["network"]["data"]
    secret = find(manifests, "ExternalSecret", "database-bootstrap")["spec"]["target"]["name"]
    assert container_of(job)["envFrom"] == [{"secretRef": {"name": secret}}]
    assert container_of(job)["command"][1:] == ["-m", "libs.database", "bootstrap"]
