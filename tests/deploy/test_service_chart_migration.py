"""The migration runs before anything else of a release exists, with its own rights, and always ends."""

import json
from typing import Any

import helm_python
import pytest
import yaml

from libs.database.migrations import has_migrations
from libs.topology import SERVICES
from tests.deploy.charts import (
    HOOK,
    HOOK_WEIGHT,
    INSTALLATIONS,
    NAMESPACE,
    SERVICE_CHART,
    Installation,
    Manifest,
    container_of,
    find,
    hooks,
    installed,
    of_kind,
    pod_of,
    released,
    render_service,
    values_of,
)

OF_THE_PLATFORM = {("ConfigMap", "database-authorities")}
"""What is there before any service: the platform chart is installed first."""
EVENTS = ("pre-install", "pre-upgrade")
DELETE_POLICY = "helm.sh/hook-delete-policy"
every_service = pytest.mark.parametrize("service", SERVICES)


def needed(job: Manifest) -> set[tuple[str, str]]:
    """Name everything a Job's pods cannot start without, wherever its specification names it."""
    wanted: set[tuple[str, str]] = set()
    pod = pod_of(job)["spec"]
    wanted.add(("ServiceAccount", pod["serviceAccountName"]))
    for source in container_of(job)["envFrom"]:
        wanted |= {("ExternalSecret", r["name"]) for k, r in source.items() if k == "secretRef"}
        wanted |= {("ConfigMap", r["name"]) for k, r in source.items() if k == "configMapRef"}
    for volume in pod["volumes"]:
        if "secret" in volume:
            wanted.add(("ExternalSecret", volume["secret"]["secretName"]))
        if "configMap" in volume:
            wanted.add(("ConfigMap", volume["configMap"]["name"]))
    return wanted


@pytest.mark.parametrize("installation", INSTALLATIONS, ids=str)
@pytest.mark.parametrize("event", EVENTS)
def test_the_migration_comes_last_of_the_hooks_after_all_it_needs(
    installation: Installation, event: str
) -> None:
    ordered = hooks(installed(installation), event)
    job = ordered[-1]
    assert job["kind"] == "Job"
    weight = int(job["metadata"]["annotations"][HOOK_WEIGHT])
    before = {
        (m["kind"], m["metadata"]["name"])
        for m in ordered
        if int(m["metadata"]["annotations"][HOOK_WEIGHT]) < weight
    }
    assert needed(job) <= before | OF_THE_PLATFORM
    policies = [m for m in ordered[:-1] if m["kind"] == "NetworkPolicy"]
    labels = pod_of(job)["metadata"]["labels"]
    (policy,) = [
        p for p in policies if p["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    ]
    ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    assert ports == {53, 5432}, "names and PostgreSQL, nothing else"


def test_helm_itself_keeps_the_hooks_out_of_the_release() -> None:
    order = Installation("order")
    with helm_python.Config(storage_driver="memory", namespace=NAMESPACE) as helm:
        values = values_of(order.value_files)
        release = helm.install(
            SERVICE_CHART, "order", values, dry_run="client", namespace=NAMESPACE
        )
    documents = [document for document in yaml.safe_load_all(release["manifest"]) if document]
    kept = {(m["kind"], m["metadata"]["name"]) for m in documents}
    assert kept == {(m["kind"], m["metadata"]["name"]) for m in released(installed(order))}


@every_service
def test_nothing_of_the_release_itself_is_needed_by_the_migration_and_nothing_uses_its_rights(
    service: str,
) -> None:
    manifests = installed(Installation(service))
    names = {(m["kind"], m["metadata"]["name"]) for m in released(manifests)}
    job = find(manifests, "Job", f"{service}-migration")
    assert not needed(job) & names
    assert not any(HOOK in (m["metadata"].get("annotations") or {}) for m in released(manifests))
    text = json.dumps(released(manifests))
    assert "MIGRATOR" not in text
    assert f"{service}-migrator" not in text


@every_service
def test_the_migrators_password_goes_when_the_migration_is_done(service: str) -> None:
    for hook in hooks(installed(Installation(service)), "pre-upgrade"):
        policy = hook["metadata"]["annotations"][DELETE_POLICY].split(",")
        assert "before-hook-creation" in policy
        assert ("hook-succeeded" in policy) == (hook["kind"] != "Job"), "a Job keeps its log"


@every_service
def test_a_migration_runs_the_new_images_own_migrations_as_the_migrator(service: str) -> None:
    manifests = installed(Installation(service))
    job = find(manifests, "Job", f"{service}-migration")
    container = container_of(job)
    assert has_migrations(service)
    assert container["command"] == ["python", "-m", "libs.database", "upgrade", service]
    api = container_of(find(manifests, "Deployment", f"{service}-api"))
    assert container["image"] == api["image"]
    secret = find(manifests, "ExternalSecret", f"{service}-migrator")
    (entry,) = secret["spec"]["data"]
    assert entry["secretKey"] == f"MIGRATOR_DATABASE_URL_{service.upper()}"
    assert entry["remoteRef"]["key"] == f"meridian/prod/{service}/migrator"


@every_service
def test_no_sidecar_no_retry_and_no_lock_keeps_a_migration_going_for_ever(service: str) -> None:
    job = find(installed(Installation(service)), "Job", f"{service}-migration")
    spec, pod = job["spec"], pod_of(job)
    assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
    assert pod["spec"]["restartPolicy"] == "Never"
    assert spec["backoffLimit"] <= 5
    assert spec["activeDeadlineSeconds"] <= 3600
    assert spec["ttlSecondsAfterFinished"] >= 60, "the log must survive until somebody looks"
    assert spec["podReplacementPolicy"] == "Failed", "never two at once"


def test_without_migrations_there_are_no_hooks() -> None:
    off: dict[str, Any] = {"migration": {"enabled": False}}
    manifests = render_service(Installation("order"), off)
    assert of_kind(manifests, "Job") == []
    assert released(manifests) == manifests
