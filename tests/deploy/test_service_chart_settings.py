"""What the chart puts into a process's environment is read by that process's own settings class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from helm_python import HelmRenderError
from pydantic import ValidationError

from libs.settings import ServiceSettings
from libs.testing.settings import settings_class_of
from libs.topology import SERVICES
from tests.authority import Authority
from tests.deploy.charts import (
    ASKED,
    INSTALLATIONS,
    Installation,
    Manifest,
    container_of,
    find,
    installed,
    of_kind,
    pod_of,
    render_service,
)
from tests.deploy.platform import Place

STAND_INS = {
    "DATABASE_URL": "postgresql://shop@db.internal:5432/meridian",
    "REDIS_URL": "rediss+cluster://order:secret@cache.internal:6379",
    "STRIPE_WEBHOOK_SECRET_PREVIOUS": "",
}
"""Secrets with a shape; any other is 32 characters of no meaning."""


def environment_of_workload(manifests: tuple[Manifest, ...], name: str) -> dict[str, str]:
    """Put together what Kubernetes would: the ConfigMaps and Secrets the container names, in that order."""
    environment: dict[str, str] = {}
    for source in container_of(find(manifests, "Deployment", name))["envFrom"]:
        if "configMapRef" in source:
            environment |= find(manifests, "ConfigMap", source["configMapRef"]["name"])["data"]
        else:
            secret = find(manifests, "ExternalSecret", source["secretRef"]["name"])
            keys = [entry["secretKey"] for entry in secret["spec"]["data"]]
            environment |= {key: STAND_INS.get(key, "x" * 32) for key in keys}
    return environment


def unknown(service: str, environment: Mapping[str, str]) -> set[str]:
    """Name the variables no setting of the service reads."""
    return set(environment) - {name.upper() for name in settings_class_of(service).model_fields}


def load(
    service: str, environment: Mapping[str, str], patch: pytest.MonkeyPatch, files: Path
) -> ServiceSettings:
    """Read the settings from this environment alone; mounted files are empty ones."""
    settings_class = settings_class_of(service)
    for name in settings_class.model_fields:
        patch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        if name == "DATABASE_CA_FILE":
            patch.setenv(name, str(Authority(files).ca_file))
        elif name.endswith("_FILE"):
            file = files / Path(value).name
            file.touch()
            patch.setenv(name, str(file))
        else:
            patch.setenv(name, value)
    return settings_class()


@pytest.mark.parametrize("installation", INSTALLATIONS, ids=str)
@pytest.mark.parametrize("component", ["api", "worker"])
def test_a_services_own_settings_class_reads_what_its_pods_are_given(
    installation: Installation, component: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service = installation.service
    environment = environment_of_workload(installed(installation), f"{service}-{component}")
    assert unknown(service, environment) == set()
    settings = load(service, environment, monkeypatch, tmp_path)
    assert settings.region == installation.region
    assert settings.issuer.startswith("https://api.")
    assert (settings.host, settings.port) == ("0.0.0.0", 8080)  # noqa: S104 - the pod's own network
    assert settings.environment == {"prod": "production", "dev": "test"}.get(
        installation.environment, installation.environment
    )


def test_a_mistyped_name_is_found() -> None:
    manifests = render_service(Installation("order"), {"settings": {"HOLD_SECOND": 60}})
    assert unknown("order", environment_of_workload(tuple(manifests), "order-api")) == {
        "HOLD_SECOND"
    }


def test_a_value_the_service_would_refuse_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    manifests = tuple(render_service(Installation("order"), {"settings": {"HOLD_SECONDS": 5}}))
    environment = environment_of_workload(manifests, "order-api")
    with pytest.raises(ValidationError, match="hold_seconds"):
        load("order", environment, monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("service", "forgotten"),
    [("order", "network.calls"), ("payment", "STRIPE_API_KEY"), ("auth", "SIGNING_SECRET")],
)
def test_a_forgotten_neighbour_or_secret_is_found(
    service: str, forgotten: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {"DATABASE_URL", "REDIS_URL", "SIGNING_SECRET"} - {forgotten}
    changes: dict[str, Any] = {"secrets": {"settings": sorted(given)}}
    if forgotten == "network.calls":
        changes = {"network": {"calls": ["product"]}}
    manifests = tuple(render_service(Installation(service), changes))
    environment = environment_of_workload(manifests, f"{service}-api")
    with pytest.raises(ValidationError, match=r"cart_base_url|STRIPE_API_KEY|signing_secret"):
        load(service, environment, monkeypatch, tmp_path)


@pytest.mark.parametrize("service", SERVICES)
def test_the_files_a_setting_names_are_mounted_from_a_secret_that_is_made(service: str) -> None:
    manifests = installed(Installation(service))
    settings = find(manifests, "ConfigMap", f"{service}-settings")["data"]
    deployment = find(manifests, "Deployment", f"{service}-api")
    volumes = {volume["name"]: volume for volume in pod_of(deployment)["spec"]["volumes"]}
    mounted: set[str] = set()
    for mount in container_of(deployment)["volumeMounts"]:
        secret_volume = volumes[mount["name"]].get("secret")
        if secret_volume is not None:
            secret = find(manifests, "ExternalSecret", secret_volume["secretName"])
            mounted |= {
                f"{mount['mountPath']}/{entry['secretKey']}" for entry in secret["spec"]["data"]
            }
    assert {settings["SERVICE_KEY_FILE"], settings["TRUST_BUNDLE_FILE"]} == mounted


@pytest.mark.parametrize("service", SERVICES)
def test_whatever_connects_to_the_database_knows_it_by_the_authorities_given_to_the_platform(
    service: str,
) -> None:
    manifests = installed(Installation(service))
    authorities = find(tuple(Place().rendered()), "ConfigMap", "database-authorities")
    assert authorities["data"] == {"ca.pem": ASKED["database"]["authorities"]}
    assert authorities["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    for kind, name in (
        ("Deployment", f"{service}-api"),
        ("Deployment", f"{service}-worker"),
        ("Job", f"{service}-migration"),
    ):
        workload = find(manifests, kind, name)
        volumes = {volume["name"]: volume for volume in pod_of(workload)["spec"]["volumes"]}
        (mount,) = (
            mount
            for mount in container_of(workload)["volumeMounts"]
            if volumes[mount["name"]].get("configMap") == {"name": "database-authorities"}
        )
        assert mount["readOnly"]
        given = {one["name"]: one["value"] for one in container_of(workload).get("env", [])}
        if kind == "Deployment":
            given = environment_of_workload(manifests, name)
        assert given["DATABASE_CA_FILE"] == f"{mount['mountPath']}/ca.pem"
        assert given["ENVIRONMENT"] == "production"


def test_without_authorities_nothing_is_mounted_and_only_an_environment_without_customers_does_so() -> (
    None
):
    nameless = {"database": {"authorities": ""}}
    manifests = tuple(render_service(Installation("order", "dev"), nameless))
    assert "DATABASE_CA_FILE" not in environment_of_workload(manifests, "order-api")
    assert "database-authorities" not in str(manifests)
    for environment in ("staging", "prod"):
        with pytest.raises(
            HelmRenderError, match=r"database\.authorities: (staging|production) connects"
        ):
            render_service(Installation("order", environment), nameless)


@pytest.mark.parametrize("installation", INSTALLATIONS, ids=str)
def test_secrets_come_from_the_environments_own_path_and_never_from_values(
    installation: Installation,
) -> None:
    manifests = installed(installation)
    assert of_kind(manifests, "Secret") == []
    own = f"meridian/{installation.environment}/{installation.service}/"
    bundle = f"meridian/{installation.environment}/trust-bundle"
    for secret in of_kind(manifests, "ExternalSecret"):
        for entry in secret["spec"]["data"]:
            key = entry["remoteRef"]["key"]
            assert key.startswith(own) or key == bundle
