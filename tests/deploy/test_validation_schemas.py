"""Every object that a region gets is one that each supported Kubernetes takes, field by field."""

import copy
import json
from typing import Any

import kubernetes_validate
import pytest
from kubernetes_validate import SchemaNotFoundError

from tests.deploy.charts import Manifest, of_kind
from tests.deploy.core_schemas import VERSIONS, faults, is_core
from tests.deploy.custom_resources import KNOWN, OWN_SCHEMAS, faults_in_own
from tests.deploy.platform import OPTIONS
from tests.deploy.platform import Place as Platform
from tests.deploy.region import PLACES, Place, everything_in, name_of

every_version = pytest.mark.parametrize("version", VERSIONS)
_SEEN: dict[tuple[str, str], list[str]] = {}


def faults_once(manifest: Manifest, version: str) -> list[str]:
    """Objects that are the same in several regions are looked at once."""
    key = (version, json.dumps(manifest, sort_keys=True))
    if key not in _SEEN:
        _SEEN[key] = faults(manifest, version)
    return _SEEN[key]


@every_version
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_kubernetes_knows_every_field_of_every_object(place: Place, version: str) -> None:
    found = {
        name_of(one): wrong
        for one in everything_in(place)
        if is_core(one) and (wrong := faults_once(one, version))
    }
    assert not found


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_no_object_is_of_a_kind_nobody_checks(place: Place) -> None:
    unchecked = {
        f"{one['apiVersion']}/{one['kind']}"
        for one in everything_in(place)
        if not is_core(one) and f"{one['apiVersion']}/{one['kind']}" not in KNOWN
    }
    assert not unchecked


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_kind_without_a_published_schema_keeps_to_ours(place: Place) -> None:
    everything = [*everything_in(place), *Platform().rendered(OPTIONS["shape b"])]
    checked = [one for one in everything if f"{one['apiVersion']}/{one['kind']}" in OWN_SCHEMAS]
    assert {f"{one['apiVersion']}/{one['kind']}" for one in checked} == set(OWN_SCHEMAS)
    assert not [fault for one in checked for fault in faults_in_own(one)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "targetGroupArn"), "arn"),
        (("spec", "targetGroupARN"), "m-http"),
        (("spec", "targetType"), "pod"),
        (("spec", "serviceRef", "port"), 0),
        (("spec", "serviceRef", "namespace"), "meridian"),
        (("spec", "networking"), {}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_our_own_schema_finds_a_typo_where_it_is(path: tuple[str, ...], value: Any) -> None:
    wrong = copy.deepcopy(of_kind(everything_in(PLACES[0]), "TargetGroupBinding")[0])
    *way, last = path
    target: Any = wrong
    for step in way:
        target = target[step]
    target[last] = value
    assert faults_in_own(wrong)[0].startswith((".".join(path), ".".join(way)))


@every_version
@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("spec", "replica"), 3, "replica"),
        (("spec", "template", "spec", "containers", 0, "imagePullPolice"), "Always", "imagePull"),
        (
            ("spec", "template", "spec", "containers", 0, "ports", 0, "containerPort"),
            "http",
            "http",
        ),
        (("spec", "selector"), None, "selector"),
    ],
)
def test_a_typo_in_a_manifest_is_found(
    version: str, path: tuple[Any, ...], value: Any, complaint: str
) -> None:
    wrong = copy.deepcopy(of_kind(everything_in(PLACES[0]), "Deployment")[0])
    *way, last = path
    target: Any = wrong
    for step in way:
        target = target[step]
    if value is None:
        del target[last]
    else:
        target[last] = value
    assert complaint in "\n".join(faults(wrong, version))
    # The package's own, slow way agrees.
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, version, strict=True)


@every_version
def test_a_kind_that_a_version_does_not_know_is_a_failure(version: str) -> None:
    with pytest.raises(SchemaNotFoundError):
        faults({"apiVersion": "policy/v1", "kind": "PodSecurityPolicy", "metadata": {}}, version)
