"""Every object that a region gets is one that each supported Kubernetes takes, field by field."""

import copy
import json
from typing import Any

import kubernetes_validate
import pytest
from kubernetes_validate import SchemaNotFoundError

from tests.deploy.charts import Manifest, of_kind
from tests.deploy.core_schemas import VERSIONS, faults, is_core
from tests.deploy.custom_resources import KNOWN
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
