"""The pods of the generic chart: what each installation runs, how it starts and how it stops."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from libs.topology import SERVICES
from tests.deploy.charts import (
    INSTALLATIONS,
    SERVICE_CHART,
    Installation,
    Manifest,
    container_of,
    find,
    installed,
    lint,
    of_kind,
    pod_of,
    render_notes,
    render_service,
    values_of,
    workloads,
)

COMPONENTS = ("api", "worker")
every_installation = pytest.mark.parametrize("installation", INSTALLATIONS, ids=str)
every_service = pytest.mark.parametrize("service", SERVICES)


def matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return selector.items() <= labels.items()


def pods_matching(manifests: Iterable[Manifest], selector: Mapping[str, str]) -> list[str]:
    return [
        workload["metadata"]["name"]
        for workload in workloads(manifests)
        if matches(selector, pod_of(workload)["metadata"]["labels"])
    ]


@every_installation
def test_the_strictest_lint_finds_nothing(installation: Installation) -> None:
    assert lint(SERVICE_CHART, values_of(installation.value_files)) == []


@every_installation
def test_an_installation_has_all_its_parts(installation: Installation) -> None:
    service = installation.service
    manifests = installed(installation)
    for component in COMPONENTS:
        find(manifests, "Deployment", f"{service}-{component}")
        find(manifests, "PodDisruptionBudget", f"{service}-{component}")
        find(manifests, "NetworkPolicy", f"{service}-{component}")
    assert find(manifests, "Service", service)["spec"]["ports"][0]["port"] == 8080
    find(manifests, "Service", f"{service}-worker")
    find(manifests, "ServiceAccount", service)
    find(manifests, "ServiceMonitor", service)


@every_installation
def test_no_two_objects_have_one_name_and_every_label_set_says_whose_it_is(
    installation: Installation,
) -> None:
    manifests = installed(installation)
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(names) == len(set(names))
    for manifest in manifests:
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == installation.service
        assert labels["app.kubernetes.io/instance"] == installation.service
        assert labels["app.kubernetes.io/part-of"] == "meridian"


@every_service
def test_every_selector_finds_the_pods_it_means_and_no_others(service: str) -> None:
    manifests = installed(Installation(service))
    meant = {"": f"{service}-api", "-api": f"{service}-api", "-worker": f"{service}-worker"}
    for service_object in of_kind(manifests, "Service"):
        suffix = service_object["metadata"]["name"].removeprefix(service)
        found = pods_matching(manifests, service_object["spec"]["selector"])
        assert found == [meant[suffix]]
    for kind in ("Deployment", "PodDisruptionBudget"):
        for manifest in of_kind(manifests, kind):
            found = pods_matching(manifests, manifest["spec"]["selector"]["matchLabels"])
            assert found == [manifest["metadata"]["name"]]
    for policy in of_kind(manifests, "NetworkPolicy"):
        found = pods_matching(manifests, policy["spec"]["podSelector"]["matchLabels"])
        assert found == [policy["metadata"]["name"]]


@every_service
@pytest.mark.parametrize("component", COMPONENTS)
def test_each_deployment_runs_its_process_of_the_one_image(service: str, component: str) -> None:
    container = container_of(
        find(installed(Installation(service)), "Deployment", f"{service}-{component}")
    )
    assert container["command"] == ["python", "-m", f"services.{service}.main", component]
    assert container["image"].endswith(f".amazonaws.com/meridian/{service}:0.1.0")


def test_a_digest_wins_over_a_tag() -> None:
    digest = f"sha256:{'a' * 64}"
    manifests = render_service(Installation("cart"), {"image": {"tag": "v9", "digest": digest}})
    for workload in workloads(manifests):
        assert container_of(workload)["image"].endswith(f"/meridian/cart@{digest}")


@every_installation
def test_every_pod_keeps_the_restricted_standard(installation: Installation) -> None:
    for workload in workloads(installed(installation)):
        pod, container = pod_of(workload)["spec"], container_of(workload)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        writable = [m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")]
        assert writable == ["/tmp"]  # noqa: S108 - the pod's own
        assert {"requests", "limits"} <= container["resources"].keys()
        assert pod["priorityClassName"].startswith("meridian-")


@every_service
@pytest.mark.parametrize("component", COMPONENTS)
def test_probes_ask_the_process_and_never_what_it_depends_on(service: str, component: str) -> None:
    container = container_of(
        find(installed(Installation(service)), "Deployment", f"{service}-{component}")
    )
    (port,) = container["ports"]
    assert (port["name"], port["containerPort"]) == ("http", 8080)
    for probe, path in (
        ("startupProbe", "/livez"),
        ("livenessProbe", "/livez"),
        ("readinessProbe", "/readyz"),
    ):
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 60


@pytest.mark.parametrize(
    "shutdown",
    [{}, {"drainSeconds": 40}, {"preStopSeconds": 20, "lingerSeconds": 0, "spareSeconds": 1}],
)
def test_a_pod_gets_longer_than_everything_its_process_does_to_stop(
    shutdown: dict[str, Any],
) -> None:
    manifests = render_service(Installation("order"), {"shutdown": shutdown})
    settings = find(manifests, "ConfigMap", "order-settings")["data"]
    stopping = int(settings["LINGER_SECONDS"]) + 2 * int(settings["DRAIN_SECONDS"])
    for deployment in of_kind(manifests, "Deployment"):
        pod = pod_of(deployment)
        sleep = container_of(deployment)["lifecycle"]["preStop"]["sleep"]["seconds"]
        grace = pod["spec"]["terminationGracePeriodSeconds"]
        assert sleep > 0
        assert grace > sleep + stopping
        proxy = pod["metadata"]["annotations"]["proxy.istio.io/config"]
        assert f'"terminationDrainDuration":"{grace}s"' in proxy


@every_installation
def test_an_update_never_takes_a_pod_before_its_successor_is_ready(
    installation: Installation,
) -> None:
    for deployment in of_kind(installed(installation), "Deployment"):
        assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        assert "replicas" not in deployment["spec"], "the autoscaler's number would be overwritten"


@every_installation
def test_pods_are_spread_over_zones_and_hosts_and_stand_on_their_node_group(
    installation: Installation,
) -> None:
    for deployment in of_kind(installed(installation), "Deployment"):
        pod = pod_of(deployment)
        spread = {c["topologyKey"]: c for c in pod["spec"]["topologySpreadConstraints"]}
        assert set(spread) == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
        for constraint in spread.values():
            assert matches(constraint["labelSelector"]["matchLabels"], pod["metadata"]["labels"])
        if installation.environment == "prod":
            zones = spread["topology.kubernetes.io/zone"]
            assert zones["whenUnsatisfiable"] == "DoNotSchedule"
        affinity = pod["spec"]["affinity"]["nodeAffinity"]
        (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        (expression,) = term["matchExpressions"]
        assert expression["key"] == "meridian.example.com/node-group"
        assert expression["values"][0] in {"general", "compute", "memory"}


def test_changed_settings_restart_the_pods_and_rotated_secrets_too() -> None:
    def checksum(changes: dict[str, Any]) -> str:
        manifests = render_service(Installation("order"), changes)
        annotations = pod_of(find(manifests, "Deployment", "order-api"))["metadata"]["annotations"]
        return str(annotations["checksum/settings"])

    assert checksum({"settings": {"HOLD_SECONDS": 700}}) != checksum({})
    assert checksum({"api": {"replicas": {"max": 11}}}) == checksum({})
    manifests = installed(Installation("order"))
    for deployment in of_kind(manifests, "Deployment"):
        reloaded = deployment["metadata"]["annotations"]["secret.reloader.stakater.com/reload"]
        read = {
            volume["secret"]["secretName"]
            for volume in pod_of(deployment)["spec"]["volumes"]
            if "secret" in volume
        }
        assert set(reloaded.split(",")) == read | {"order-secrets"}


def test_the_service_account_carries_a_role_only_for_irsa() -> None:
    account = find(installed(Installation("order")), "ServiceAccount", "order")
    assert account["automountServiceAccountToken"] is False
    assert "annotations" not in account["metadata"]
    manifests = render_service(Installation("order"), {"aws": {"identity": "irsa"}})
    annotations = find(manifests, "ServiceAccount", "order")["metadata"]["annotations"]
    role = "arn:aws:iam::111122223333:role/meridian-prod-us-east-1-order"
    assert annotations["eks.amazonaws.com/role-arn"] == role


@every_service
def test_the_notes_say_what_to_do_next(service: str) -> None:
    notes = render_notes(SERVICE_CHART, values_of(Installation(service).value_files), name=service)
    for command in (
        "rollout status",
        "get externalsecret",
        f"logs job/{service}-migration",
        "helm",
    ):
        assert command in notes
