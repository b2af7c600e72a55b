"""What every pod and object keeps to, in every environment: Pod Security "restricted" and some rules of ours."""

import re
from typing import Any

import pytest

from tests.deploy.charts import Manifest, of_kind
from tests.deploy.region import (
    PLACES,
    Place,
    Pod,
    everything_in,
    name_of,
    namespace_of,
    pods_of,
    values_at,
)

every_place = pytest.mark.parametrize("place", PLACES, ids=str)

COMMON_LABELS = {
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/managed-by",
}
SECRET_NAME = re.compile(r"(SECRET|PASSWORD|TOKEN|API_KEY|DATABASE_URL|REDIS_URL|ENCRYPTION_KEY)$")
LEAST_DIVERSITY = 2
NOBODY_WAITS_FOR = {"otel-collector"}
"""It takes traces in; what it misses while it is replaced is sampled anyway."""


def breaches(pod: Pod, container: dict[str, Any]) -> list[str]:
    """Name the rules of Pod Security "restricted" that a container breaks, and ours about its resources."""
    own, shared = container.get("securityContext", {}), pod.spec.get("securityContext", {})
    resources = container.get("resources", {})
    rules = {
        "runs as a number that is not root": shared.get("runAsNonRoot") is True
        and (own.get("runAsUser") or shared.get("runAsUser", 0)) >= 10_000,
        "cannot gain privileges": own.get("allowPrivilegeEscalation") is False,
        "has no capability": own.get("capabilities", {}).get("drop") == ["ALL"],
        "and gets none": not own.get("capabilities", {}).get("add"),
        "writes nowhere": own.get("readOnlyRootFilesystem") is True,
        "has a seccomp profile": "RuntimeDefault"
        in {context.get("seccompProfile", {}).get("type") for context in (own, shared)},
        "asks for cpu and memory": {"cpu", "memory"} <= set(resources.get("requests", {})),
        "is bounded in memory": "memory" in resources.get("limits", {}),
        "is not privileged": not own.get("privileged"),
        "has one image, by version": _is_one_version(container["image"]),
    }
    return [rule for rule, kept in rules.items() if not kept]


def _is_one_version(image: str) -> bool:
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return digest.startswith("sha256:") or tag not in {"", "latest", "dev", "main"}


@every_place
def test_every_container_is_restricted_bounded_and_of_one_version(place: Place) -> None:
    found = {
        f"{pod.workload} {container['name']}": broken
        for pod in pods_of(everything_in(place))
        for container in pod.containers
        if (broken := breaches(pod, container))
    }
    assert not found


@every_place
def test_no_pod_shares_anything_of_its_node(place: Place) -> None:
    for pod in pods_of(everything_in(place)):
        shared = {"hostNetwork", "hostPID", "hostIPC"} & set(pod.spec)
        assert not shared, pod.workload
        assert not list(values_at(pod.spec, "hostPath")), pod.workload
        assert not list(values_at(pod.spec, "hostPort")), pod.workload
        assert pod.spec["automountServiceAccountToken"] is False, pod.workload


@every_place
def test_what_is_deployed_is_probed_guarded_spread_and_drained(place: Place) -> None:
    everything = everything_in(place)
    budgets = [
        one["spec"]["selector"]["matchLabels"] for one in of_kind(everything, "PodDisruptionBudget")
    ]
    scaled = {
        target["name"]
        for target in values_at(list(everything), "scaleTargetRef")
        if "name" in target
    }
    for deployment in of_kind(everything, "Deployment"):
        [pod] = pods_of([deployment])
        name = deployment["metadata"]["name"]
        if name in NOBODY_WAITS_FOR:
            continue
        [container] = pod.containers
        assert {"livenessProbe", "readinessProbe", "startupProbe"} <= set(container), name
        assert container["lifecycle"]["preStop"]["sleep"]["seconds"] >= 5, name
        grace = pod.spec["terminationGracePeriodSeconds"]
        assert grace > container["lifecycle"]["preStop"]["sleep"]["seconds"], name
        assert any(pod.is_selected_by(labels) for labels in budgets), f"{name} has no budget"
        spread = {c["topologyKey"] for c in pod.spec["topologySpreadConstraints"]}
        assert "topology.kubernetes.io/zone" in spread, name
        assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, name
        assert name in scaled, f"{name} is not scaled"
        assert "replicas" not in deployment["spec"], f"{name}: an upgrade would undo the scaler"


@every_place
def test_a_budget_leaves_room_for_a_node_to_be_drained(place: Place) -> None:
    everything = everything_in(place)
    fewest = {
        scaler["spec"]["scaleTargetRef"]["name"]: least
        for kind, key in (
            ("HorizontalPodAutoscaler", "minReplicas"),
            ("ScaledObject", "minReplicaCount"),
        )
        for scaler in of_kind(everything, kind)
        for least in [scaler["spec"][key]]
    }
    for budget in of_kind(everything, "PodDisruptionBudget"):
        spec = budget["spec"]
        name = budget["metadata"]["name"]
        assert spec.get("maxUnavailable", 0) != 0 or spec["minAvailable"] < fewest[name], name
        if place.environment == "prod":
            assert fewest[name] >= LEAST_DIVERSITY, f"{name} is away while one node is drained"


@every_place
def test_no_plain_setting_holds_a_secret(place: Place) -> None:
    for one in of_kind(everything_in(place), "ConfigMap"):
        found = [name for name in one.get("data", {}) if SECRET_NAME.search(name)]
        assert not found, f"{name_of(one)} holds {found}"
    for pod in pods_of(everything_in(place)):
        for variable in (v for c in pod.containers for v in c.get("env", [])):
            if SECRET_NAME.search(variable["name"]):
                assert "value" not in variable, f"{pod.workload}: {variable['name']}"
    assert not of_kind(everything_in(place), "Secret"), "secrets come from Secrets Manager"


@every_place
def test_nothing_is_opened_past_the_edge(place: Place) -> None:
    for service in of_kind(everything_in(place), "Service"):
        assert service["spec"].get("type", "ClusterIP") == "ClusterIP", name_of(service)
        assert not service["spec"].get("externalIPs"), name_of(service)


@every_place
def test_every_object_says_whose_it_is(place: Place) -> None:
    for one in everything_in(place):
        missing = COMMON_LABELS - set(one["metadata"].get("labels", {}))
        assert not missing, f"{name_of(one)} lacks {missing}"


@every_place
def test_the_namespace_enforces_what_the_pods_keep(place: Place) -> None:
    everything = everything_in(place)
    [namespace] = of_kind(everything, "Namespace")
    labels = namespace["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    denied = [
        set(policy["spec"]["policyTypes"])
        for policy in of_kind(everything, "NetworkPolicy")
        if policy["spec"]["podSelector"] == {}
        and not policy["spec"].get("ingress")
        and not policy["spec"].get("egress")
    ]
    assert {"Ingress", "Egress"} in denied


@every_place
def test_nothing_lands_in_a_namespace_that_somebody_else_owns(place: Place) -> None:
    everything = everything_in(place)
    for one in everything:
        assert namespace_of(one) not in {"default", "kube-system", "istio-system"}, name_of(one)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"image": "meridian/order:latest"}, "has one image, by version"),
        ({"image": "meridian/order"}, "has one image, by version"),
        ({"image": "registry:5000/order"}, "has one image, by version"),
        ({"resources": {}}, "is bounded in memory"),
        ({"securityContext": {}}, "cannot gain privileges"),
    ],
)
def test_a_careless_container_is_found(change: Manifest, rule: str) -> None:
    pod = pods_of(of_kind(everything_in(PLACES[0]), "Deployment"))[0]
    assert rule in breaches(pod, {**pod.containers[0], **change})
