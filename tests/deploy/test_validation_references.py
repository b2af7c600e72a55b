"""Whatever an object of a region names is there, and whatever it selects exists."""

from collections.abc import Iterable, Iterator
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

EVERY_NAMESPACE_HAS = {"ServiceAccount/default"}


def present(place: Place) -> set[str]:
    """Name every object, and every Secret that an ExternalSecret makes."""
    everything = everything_in(place)
    made = {
        f"Secret/{one['spec']['target'].get('name', one['metadata']['name'])}"
        for one in of_kind(everything, "ExternalSecret")
    }
    return {name_of(one) for one in everything} | made | EVERY_NAMESPACE_HAS


def named_by(pod: Pod) -> Iterator[str]:
    """Name what a pod cannot start without."""
    yield f"ServiceAccount/{pod.spec.get('serviceAccountName', 'default')}"
    if "priorityClassName" in pod.spec:
        yield f"PriorityClass/{pod.spec['priorityClassName']}"
    for kind, keys in (
        ("ConfigMap", ("configMapRef", "configMapKeyRef", "configMap")),
        ("Secret", ("secretRef", "secretKeyRef", "secret")),
    ):
        for key in keys:
            for reference in values_at(pod.spec, key):
                yield f"{kind}/{reference.get('name') or reference['secretName']}"


@every_place
def test_what_a_pod_names_exists(place: Place) -> None:
    there = present(place)
    missing = {
        pod.workload: lacking
        for pod in pods_of(everything_in(place))
        if (lacking := sorted(set(named_by(pod)) - there))
    }
    assert not missing


@every_place
def test_the_keys_a_pod_reads_are_in_what_it_names(place: Place) -> None:
    everything = everything_in(place)
    keys = {name_of(one): set(one.get("data", {})) for one in of_kind(everything, "ConfigMap")}
    for one in of_kind(everything, "ExternalSecret"):
        made = f"Secret/{one['spec']['target'].get('name', one['metadata']['name'])}"
        keys[made] = {entry["secretKey"] for entry in one["spec"].get("data", [])}
    for pod in pods_of(everything):
        for kind, key in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
            for reference in values_at(pod.spec, key):
                assert reference["key"] in keys[f"{kind}/{reference['name']}"], pod.workload


@every_place
def test_every_secret_comes_from_a_store_that_exists(place: Place) -> None:
    there = present(place)
    stores = {
        f"{reference['kind']}/{reference['name']}"
        for reference in values_at(list(everything_in(place)), "secretStoreRef")
    }
    assert stores
    assert not stores - there


@every_place
def test_what_scales_or_guards_a_workload_names_one_that_exists(place: Place) -> None:
    there = present(place)
    for key in ("scaleTargetRef", "targetRef", "workloadRef"):
        for target in values_at(list(everything_in(place)), key):
            if "kind" in target and "name" in target:
                assert f"{target['kind']}/{target['name']}" in there, target


def selectors_of(everything: Iterable[Manifest]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield every selector of pods: whose it is, in which namespace, and its labels."""
    for one in everything:
        spec = one.get("spec", {})
        labels: Any = None
        if one["kind"] == "Service":
            labels = spec.get("selector")
        elif one["kind"] in {"Deployment", "PodDisruptionBudget"}:
            labels = spec["selector"]["matchLabels"]
        elif one["kind"] == "NetworkPolicy":
            labels = spec["podSelector"].get("matchLabels")
        elif one["apiVersion"].startswith(("security.istio.io", "telemetry.istio.io")):
            labels = spec.get("selector", {}).get("matchLabels")
        elif one["kind"] == "Sidecar":
            labels = spec.get("workloadSelector", {}).get("labels")
        if labels:
            yield name_of(one), namespace_of(one), labels


@every_place
def test_every_selector_selects_the_pods_of_one_workload_or_service(place: Place) -> None:
    everything = everything_in(place)
    pods = pods_of(everything)
    for owner, namespace, labels in selectors_of(everything):
        chosen = [p for p in pods if p.is_selected_by(labels) and p.namespace == namespace]
        assert chosen, f"{owner} selects nothing with {labels}"
        if owner.startswith(("Service/", "Deployment/", "PodDisruptionBudget/")):
            workloads = {pod.workload for pod in chosen}
            assert len(workloads) == 1, f"{owner} selects {workloads}"


@every_place
def test_a_deployment_selects_its_own_pods(place: Place) -> None:
    for one in of_kind(everything_in(place), "Deployment"):
        labels = one["spec"]["template"]["metadata"]["labels"]
        assert one["spec"]["selector"]["matchLabels"].items() <= labels.items(), name_of(one)


@every_place
def test_every_monitor_finds_a_service_and_its_port(place: Place) -> None:
    everything = everything_in(place)
    monitors = of_kind(everything, "ServiceMonitor")
    assert monitors
    for monitor in monitors:
        labels = monitor["spec"]["selector"]["matchLabels"]
        found = [
            service
            for service in of_kind(everything, "Service")
            if labels.items() <= service["metadata"]["labels"].items()
        ]
        assert found, f"{name_of(monitor)} finds no Service with {labels}"
        for endpoint in monitor["spec"]["endpoints"]:
            for service in found:
                names = {port["name"] for port in service["spec"]["ports"]}
                assert endpoint["port"] in names, f"{name_of(monitor)}: {name_of(service)}"


@every_place
def test_names_are_used_once(place: Place) -> None:
    names = [(one["apiVersion"], name_of(one), namespace_of(one)) for one in everything_in(place)]
    assert sorted(set(names)) == sorted(names)
