"""Every option on and off gives objects Kubernetes accepts, and changes what it should and nothing else."""

from itertools import product
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from libs.topology import SERVICES
from tests.architecture.applications import ROOT
from tests.deploy.charts import Installation, Manifest, find, merge, of_kind, pod_of, render_service

KUBERNETES = ("1.34", "1.35", "1.36")
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/an-id"
ACL = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/edge/an-id"

OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "keda": ({"worker": {"keda": {"enabled": True}}}, {"worker": {"keda": {"enabled": False}}}),
    "vpa": (
        {"verticalPodAutoscaler": {"enabled": True}},
        {"verticalPodAutoscaler": {"enabled": False}},
    ),
    "rollout": ({"rollout": {"enabled": True}}, {"rollout": {"enabled": False}}),
    "alb": (
        {"exposure": {"alb": {"enabled": True, "certificateArn": CERTIFICATE, "webAclArn": ACL}}},
        {"exposure": {"alb": {"enabled": False}}},
    ),
    "gateway": (
        {"exposure": {"gatewayApi": {"enabled": True}}},
        {"exposure": {"gatewayApi": {"enabled": False}}},
    ),
    "mesh": ({"mesh": {"enabled": True}}, {"mesh": {"enabled": False}}),
    "monitoring": ({"monitoring": {"enabled": True}}, {"monitoring": {"enabled": False}}),
    "migration": ({"migration": {"enabled": True}}, {"migration": {"enabled": False}}),
    "irsa": ({"aws": {"identity": "irsa"}}, {"aws": {"identity": "pod-identity"}}),
}
ORDER = Installation("order")


def on(*names: str) -> list[Manifest]:
    """Render order with these options on and all others off; beside the mesh there is no load balancer."""
    wanted = set(names) - ({"alb"} if "mesh" in names else set())
    changes: dict[str, Any] = {}
    for name, (switched_on, switched_off) in OPTIONS.items():
        changes = merge(changes, switched_on if name in wanted else switched_off)
    return render_service(ORDER, changes)


def kinds(manifests: list[Manifest]) -> set[str]:
    return {manifest["kind"] for manifest in manifests}


def refused_by_kubernetes(manifests: list[Manifest], version: str) -> list[str]:
    """Validate what Kubernetes itself defines; custom resources are validated elsewhere."""
    found = []
    for manifest in manifests:
        group = manifest["apiVersion"].rpartition("/")[0]
        if "." in group and not group.endswith(".k8s.io"):
            continue
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            assert manifest["kind"] in {"VerticalPodAutoscaler", "HTTPRoute"}
        except kubernetes_validate.ValidationError as error:
            found.append(f"{manifest['kind']}/{manifest['metadata']['name']}: {error}")
    return found


def test_a_field_kubernetes_does_not_know_is_found() -> None:
    manifests = on()
    find(manifests, "Deployment", "order-api")["spec"]["strategie"] = {}
    (found,) = refused_by_kubernetes(manifests, "1.36")
    assert "strategie" in found


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("names", [(), *((name,) for name in OPTIONS), tuple(OPTIONS)], ids=str)
def test_kubernetes_accepts_every_option_alone_and_all_together(
    names: tuple[str, ...], version: str
) -> None:
    assert refused_by_kubernetes(on(*names), version) == []


@pytest.mark.parametrize(
    "states",
    list(product([True, False], repeat=len(OPTIONS)))[::7],
    ids=lambda s: "".join("01"[x] for x in s),
)
def test_options_render_in_any_combination(states: tuple[bool, ...]) -> None:
    manifests = on(*(name for name, state in zip(OPTIONS, states, strict=True) if state))
    names = [(m["apiVersion"], m["kind"], m["metadata"]["name"]) for m in manifests]
    assert len(names) == len(set(names))
    find(manifests, "Deployment", "order-api")


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_renders_with_all_options(service: str) -> None:
    changes: dict[str, Any] = {}
    for switched_on, _ in OPTIONS.values():
        changes = merge(changes, switched_on)
    changes = merge(changes, OPTIONS["alb"][1])  # not beside the mesh
    assert refused_by_kubernetes(render_service(Installation(service), changes), "1.36") == []


@pytest.mark.parametrize(
    ("option", "adds"),
    [
        ("keda", {"ScaledObject", "TriggerAuthentication"}),
        ("vpa", {"VerticalPodAutoscaler"}),
        ("rollout", {"Rollout"}),
        ("alb", {"Ingress"}),
        ("gateway", {"HTTPRoute"}),
        ("monitoring", {"ServiceMonitor"}),
        ("migration", {"Job"}),
        ("mesh", set()),
        ("irsa", set()),
    ],
)
def test_an_option_adds_its_own_objects_alone(option: str, adds: set[str]) -> None:
    assert kinds(on(option)) - kinds(on()) == adds


def test_vertical_autoscaling_recommends_and_never_acts() -> None:
    for advice in of_kind(on("vpa"), "VerticalPodAutoscaler"):
        assert advice["spec"]["updatePolicy"] == {"updateMode": "Off"}


def test_a_canary_takes_the_deployments_pods_in_steps_and_its_scaler_with_them() -> None:
    manifests = on("rollout", "vpa")
    rollout = find(manifests, "Rollout", "order-api")
    assert rollout["spec"]["workloadRef"]["name"] == "order-api"
    deployment = find(manifests, "Deployment", "order-api")
    assert rollout["spec"]["selector"] == deployment["spec"]["selector"]
    weights = [step["setWeight"] for step in rollout["spec"]["strategy"]["canary"]["steps"][::2]]
    assert weights == sorted(weights)
    for kind, key in (
        ("HorizontalPodAutoscaler", "scaleTargetRef"),
        ("VerticalPodAutoscaler", "targetRef"),
    ):
        assert find(manifests, kind, "order-api")["spec"][key]["kind"] == "Rollout"
        assert find(manifests, kind, "order-worker")["spec"][key]["kind"] == "Deployment"
    for constraint in pod_of(deployment)["spec"]["topologySpreadConstraints"]:
        assert constraint["matchLabelKeys"] == ["rollouts-pod-template-hash"]


def test_a_canary_is_judged_by_the_objectives_over_its_own_pods() -> None:
    canary = find(on("rollout"), "Rollout", "order-api")["spec"]["strategy"]["canary"]
    judge = yaml.safe_load((ROOT / "deploy/argo/analysis-template.yaml").read_text())
    assert canary["analysis"]["templates"] == [{"templateName": judge["metadata"]["name"]}]
    given = {one["name"] for one in canary["analysis"]["args"]}
    wanted = {one["name"] for one in judge["spec"]["args"] if "value" not in one}
    assert given == wanted
    for metric in judge["spec"]["metrics"]:
        query = metric["provider"]["prometheus"]["query"]
        assert 'pod=~"{{args.service}}-api-{{args.canary-hash}}-.*"' in query


def test_the_mesh_can_shift_the_canarys_traffic_but_only_if_there_is_a_mesh() -> None:
    changes: dict[str, Any] = {"rollout": {"enabled": True, "istio": {"enabled": True}}}
    manifests = render_service(ORDER, changes)
    routing = find(manifests, "Rollout", "order-api")["spec"]["strategy"]["canary"][
        "trafficRouting"
    ]
    assert routing["istio"]["virtualService"]["name"] == "order"
    assert routing["istio"]["destinationRule"]["canarySubsetName"] == "canary"
    with pytest.raises(helm_python.HelmRenderError, match=r"mesh\.enabled"):
        render_service(ORDER, merge(changes, {"mesh": {"enabled": False}}))


def test_a_load_balancer_needs_a_certificate_and_may_then_connect() -> None:
    with pytest.raises(helm_python.HelmRenderError, match="needs a certificate"):
        render_service(ORDER, {"exposure": {"alb": {"enabled": True}}})
    with pytest.raises(helm_python.HelmRenderError, match=r"mesh\.enabled false"):
        render_service(ORDER, OPTIONS["alb"][0])
    manifests = on("alb")
    ingress = find(manifests, "Ingress", "order")
    annotations = ingress["metadata"]["annotations"]
    assert annotations["alb.ingress.kubernetes.io/listen-ports"] == '[{"HTTPS": 443}]'
    assert annotations["alb.ingress.kubernetes.io/wafv2-acl-arn"] == ACL
    assert annotations["alb.ingress.kubernetes.io/healthcheck-path"] == "/readyz"
    blocks = [
        peer["ipBlock"]["cidr"]
        for rule in find(manifests, "NetworkPolicy", "order-api")["spec"]["ingress"]
        for peer in rule["from"]
        if "ipBlock" in peer
    ]
    assert blocks == ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]
    settings = find(manifests, "ConfigMap", "order-settings")["data"]
    assert set(blocks) <= set(settings["TRUSTED_PROXIES"].split(","))


def test_a_gateways_pods_may_connect_when_a_route_leads_to_the_service() -> None:
    manifests = on("gateway")
    route = find(manifests, "HTTPRoute", "order")["spec"]
    assert route["hostnames"] == ["api-us.example.com"]
    assert {m["path"]["value"] for m in route["rules"][0]["matches"]} == {
        "/v1/orders",
        "/v1/quotes",
    }
    peers = [
        peer
        for rule in find(manifests, "NetworkPolicy", "order-api")["spec"]["ingress"]
        for peer in rule["from"]
    ]
    labels = {"gateway.networking.k8s.io/gateway-name": "meridian"}
    assert any(
        peer["podSelector"]["matchLabels"] == labels for peer in peers if "podSelector" in peer
    )


def test_without_the_mesh_nothing_of_it_is_left() -> None:
    manifests = on("monitoring", "migration")
    for deployment in of_kind(manifests, "Deployment"):
        assert not [k for k in pod_of(deployment)["metadata"]["annotations"] if "istio" in k]
        assert not [k for k in pod_of(deployment)["metadata"]["labels"] if "istio" in k]
    (endpoint,) = find(manifests, "ServiceMonitor", "order")["spec"]["endpoints"]
    assert "tlsConfig" not in endpoint
    settings = find(manifests, "ConfigMap", "order-settings")["data"]
    assert "127.0.0.6" not in settings["TRUSTED_PROXIES"]
