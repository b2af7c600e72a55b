"""Every custom resource of every region is one its controller takes, field by field."""

import copy
import json
from typing import Any

import pytest
import yaml

from tests.architecture.applications import ROOT
from tests.deploy.charts import Manifest, of_kind, render_service
from tests.deploy.core_schemas import is_core
from tests.deploy.golden import (
    PLATFORM_OPTIONS,
    SERVICE,
    SERVICE_OPTIONS,
    platform_with,
)
from tests.deploy.programs import CHECKS, program, run
from tests.deploy.region import PLACES, everything_in, name_of

pytestmark = pytest.mark.tools


def complaints(manifests: list[Manifest]) -> dict[str, list[str]]:
    """Ask the schemas of other people's controllers; the answer names objects and paths."""
    script = str(CHECKS / "custom-resources.mjs")
    told = run([program("node"), script], folder=CHECKS, stdin=json.dumps(manifests))
    assert told.returncode == 0, told.stderr
    found: dict[str, list[str]] = json.loads(told.stdout)
    return found


def rendered() -> list[Manifest]:
    """Every custom resource of every region and option, equal ones once."""
    options = [render_service(SERVICE, change) for change in SERVICE_OPTIONS.values()]
    options += [platform_with(change) for change in PLATFORM_OPTIONS.values()]
    everything = [one for place in PLACES for one in everything_in(place)]
    everything += [one for option in options for one in option]
    for file in sorted((ROOT / "deploy" / "argo").glob("*.yaml")):
        everything += list(yaml.safe_load_all(file.read_text()))
    different = {json.dumps(one, sort_keys=True): one for one in everything if not is_core(one)}
    return list(different.values())


def test_every_custom_resource_keeps_to_its_schema() -> None:
    manifests = rendered()
    assert len({one["kind"] for one in manifests}) >= 8
    assert not complaints(manifests)


TYPOS: list[tuple[str, tuple[Any, ...], Any]] = [
    ("AuthorizationPolicy", ("spec", "rulez"), []),
    ("PeerAuthentication", ("spec", "mtls", "mode"), "STRIKT"),
    ("VirtualService", ("spec", "http", 0, "retry"), {}),
    ("Sidecar", ("spec", "egress", 0, "hosts"), "all"),
    ("DestinationRule", ("spec", "trafficPolicy", "outlierDetektion"), {}),
    ("ExternalSecret", ("spec", "data", 0, "secretkey"), "X"),
    ("ServiceMonitor", ("spec", "endpoints", 0, "pathh"), "/"),
    ("PrometheusRule", ("spec", "groups", 0, "rulez"), []),
]


def test_a_typo_in_a_custom_resource_is_found_where_it_is() -> None:
    wrong, paths = [], {}
    for kind, path, value in TYPOS:
        one = copy.deepcopy(of_kind(everything_in(PLACES[0]), kind)[0])
        *way, last = path
        target: Any = one
        for step in way:
            target = target[step]
        target[last] = value
        wrong.append(one)
        paths[name_of(one)] = ".".join(map(str, path))
    found = complaints(wrong)
    assert found.keys() == paths.keys()
    for name, place in paths.items():
        assert any(complaint.startswith(place) for complaint in found[name]), found[name]


def test_a_kind_without_a_schema_is_a_complaint() -> None:
    unknown = {"apiVersion": "example.com/v1", "kind": "Wonder", "metadata": {"name": "one"}}
    assert complaints([unknown]) == {"Wonder/one": ["example.com/v1/Wonder is not in kinds.json"]}
