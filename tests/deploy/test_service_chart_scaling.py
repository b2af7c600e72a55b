"""How many pods there may be: autoscalers, disruption budgets and database connections agree."""

import json
import math
from itertools import product

import helm_python
import pytest

from libs.settings import ServiceSettings
from libs.topology import SERVICES
from tests.architecture.applications import ROOT
from tests.deploy.charts import (
    ENVIRONMENTS,
    INSTALLATIONS,
    REGIONS,
    SERVICE_CHART,
    Installation,
    Manifest,
    find,
    installed,
    of_kind,
    render_service,
    values_of,
)

ROUTING = json.loads((ROOT / "libs/messaging/routing.json").read_text())
PROCESS_SPARE_CONNECTIONS = 1
"""`libs.database.session.Database` keeps one for signs of life beside its pool."""
FOR_PEOPLE_AND_TOOLS = 0.1
"""Share of the server's connections that no service is granted."""


def bounds(manifests: tuple[Manifest, ...]) -> dict[str, tuple[int, int]]:
    """Return least and most pods of each workload, whoever scales it."""
    found = {}
    for scaler in of_kind(manifests, "HorizontalPodAutoscaler"):
        spec = scaler["spec"]
        found[spec["scaleTargetRef"]["name"]] = (spec["minReplicas"], spec["maxReplicas"])
    for scaler in of_kind(manifests, "ScaledObject"):
        spec = scaler["spec"]
        assert spec["scaleTargetRef"]["name"] not in found, "two autoscalers would fight"
        found[spec["scaleTargetRef"]["name"]] = (spec["minReplicaCount"], spec["maxReplicaCount"])
    return found


def peak_pods(most: int, surge: int) -> int:
    """Count the pods of a rolling update whose new ones are ready at once and whose old ones are still leaving at its end.

    Kubernetes does not count a pod that was told to leave: it starts the next one beside it.
    """
    old, new, leaving, peak = most, 0, 0, most
    while old:
        new += min(most + surge - old - new, most - new)
        peak = max(peak, old + new + leaving)
        stopped = old + new - most  # maxUnavailable is 0: as many are kept as were wanted
        old, leaving = old - stopped, leaving + stopped
    return peak


def peak_connections(installation: Installation) -> int:
    """Count what a release may open in the middle of an update at its largest."""
    manifests = installed(installation)
    name = f"{installation.service}-settings"
    pool = int(find(manifests, "ConfigMap", name)["data"]["DATABASE_POOL_SIZE"])
    total = len(of_kind(manifests, "Job"))
    for workload, (_, most) in bounds(manifests).items():
        strategy = find(manifests, "Deployment", workload)["spec"]["strategy"]
        surge = int(strategy["rollingUpdate"]["maxSurge"].rstrip("%"))
        assert strategy["rollingUpdate"]["maxUnavailable"] == 0
        pods = peak_pods(most, math.ceil(most * surge / 100))
        total += pods * (pool + PROCESS_SPARE_CONNECTIONS)
    return total


@pytest.mark.parametrize("installation", INSTALLATIONS, ids=str)
def test_every_workload_has_one_autoscaler_and_a_budget_that_lets_nodes_drain(
    installation: Installation,
) -> None:
    manifests = installed(installation)
    workloads = {f"{installation.service}-{component}" for component in ("api", "worker")}
    scaled = bounds(manifests)
    assert set(scaled) == workloads
    for name, (least, most) in scaled.items():
        assert 1 <= least <= most
        at_once = find(manifests, "PodDisruptionBudget", name)["spec"]["maxUnavailable"]
        assert at_once >= 1, "a drain would wait for ever"
        if installation.environment == "prod":
            assert least > at_once, "a drain could take every pod"


@pytest.mark.parametrize("service", SERVICES)
def test_in_production_every_zone_has_a_pod_that_answers(service: str) -> None:
    least, _ = bounds(installed(Installation(service)))[f"{service}-api"]
    assert least >= 3


@pytest.mark.parametrize(("environment", "region"), list(product(ENVIRONMENTS, REGIONS)))
def test_all_services_at_their_largest_fit_into_the_databases_connections(
    environment: str, region: str
) -> None:
    granted, servers = 0, set()
    for service in SERVICES:
        installation = Installation(service, environment, region)
        database = {**values_of(installation.value_files)["database"]}
        assert peak_connections(installation) <= database["connections"]
        granted += database["connections"]
        servers.add(database["serverConnections"])
    (server,) = servers
    assert granted <= server * (1 - FOR_PEOPLE_AND_TOOLS)


def test_in_an_update_all_old_pods_may_still_be_leaving_when_all_new_ones_are_there() -> None:
    assert {
        peak_pods(most, surge) / most for most in range(1, 41) for surge in range(1, most + 1)
    } == {2}


@pytest.mark.parametrize("service", SERVICES)
def test_the_chart_counts_connections_to_the_last_one(service: str) -> None:
    installation = Installation(service)
    enough = peak_connections(installation)
    render_service(installation, {"database": {"connections": enough}})
    with pytest.raises(helm_python.HelmRenderError, match=f"{enough - 1} are granted"):
        render_service(installation, {"database": {"connections": enough - 1}})


@pytest.mark.parametrize(
    "changes",
    [
        {"api": {"replicas": {"max": 40}}},
        {"worker": {"replicas": {"max": 40}}},
        {"database": {"poolSize": 30}},
        {"database": {"connections": 100}},
    ],
)
def test_more_pods_than_connections_are_refused(changes: dict[str, dict[str, int]]) -> None:
    with pytest.raises(
        helm_python.HelmRenderError, match=r"database\.connections: \d+ are granted"
    ):
        render_service(Installation("order"), changes)


def test_fewer_than_the_least_is_refused() -> None:
    with pytest.raises(
        helm_python.HelmRenderError, match=r"api\.replicas: min 9 is more than max 8"
    ):
        render_service(Installation("payment"), {"api": {"replicas": {"min": 9}}})


def test_the_schema_knows_every_queue_that_somebody_consumes_and_no_other() -> None:
    schema = json.loads((SERVICE_CHART / "values.schema.json").read_text())
    known = schema["properties"]["worker"]["properties"]["queues"]["items"]["enum"]
    kinds = (ROUTING["event_queues"], ROUTING["command_queues"])
    assert sorted(known) == sorted(queue["name"] for kind in kinds for queue in kind.values())


@pytest.mark.parametrize("service", SERVICES)
def test_a_worker_is_scaled_by_the_queues_it_consumes(service: str) -> None:
    kinds = (ROUTING["event_queues"], ROUTING["command_queues"])
    queues = {f"meridian-{q['name']}" for kind in kinds for s, q in kind.items() if s == service}
    manifests = render_service(Installation(service), {"worker": {"keda": {"enabled": True}}})
    triggers = [
        trigger["metadata"] | {"type": trigger["type"]}
        for scaled in of_kind(manifests, "ScaledObject")
        for trigger in scaled["spec"]["triggers"]
    ]
    depths = {t["queueURL"] for t in triggers if t["type"] == "aws-sqs-queue"}
    ages = {t["dimensionValue"] for t in triggers if t["type"] == "aws-cloudwatch"}
    address = "https://sqs.us-east-1.amazonaws.com/111122223333/"
    assert depths == {address + queue for queue in queues}
    assert ages == queues


def test_the_queues_prefix_is_the_one_the_service_uses() -> None:
    manifests = render_service(Installation("order"), {"settings": {"MESSAGING_PREFIX": "other"}})
    triggers = find(manifests, "ScaledObject", "order-worker")["spec"]["triggers"]
    assert triggers[1]["metadata"]["queueURL"].endswith("/other-order-inbox")
    assert ServiceSettings.model_fields["messaging_prefix"].default == "meridian"


@pytest.mark.parametrize("service", SERVICES)
def test_the_values_a_service_starts_from_are_the_same_for_all(service: str) -> None:
    defaults = helm_python.values_from_yaml((SERVICE_CHART / "values.yaml").read_text())
    own = values_of([Installation(service).value_files[0]])
    assert own["service"] == service
    assert set(own) <= set(defaults)
