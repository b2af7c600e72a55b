"""All that runs in one region of one environment: the platform's objects and those of the six services."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from libs.ids import new_id
from libs.topology import SERVICES
from tests.architecture.applications import ROOT
from tests.deploy.charts import (
    ENVIRONMENTS,
    HELM,
    NAMESPACE,
    PLATFORM_CHART,
    REGIONS,
    Installation,
    Manifest,
    platform_values,
    render,
    render_service,
)

PLATFORM_NAMESPACE: Final = "meridian-platform"
"""Where Helm keeps the platform's release: it cannot keep it in a namespace that the release itself makes."""

WORKLOADS: Final = frozenset({"Deployment", "Job", "Rollout", "StatefulSet", "DaemonSet"})


@dataclass(frozen=True)
class Place:
    """An environment in a region."""

    environment: str
    region: str

    @override
    def __str__(self) -> str:
        return f"{self.environment}-{self.region}"


PLACES: Final = tuple(
    Place(environment, region) for environment in ENVIRONMENTS for region in REGIONS
)


@cache
def platform_of(place: Place) -> tuple[Manifest, ...]:
    """Render the platform chart."""
    values = platform_values(place.environment, place.region)
    return _kept(
        f"platform-{place}",
        lambda: render(PLATFORM_CHART, values, name="platform", namespace=PLATFORM_NAMESPACE),
    )


@cache
def service_in(place: Place, service: str) -> tuple[Manifest, ...]:
    """Render one service."""
    installation = Installation(service, place.environment, place.region)
    return _kept(str(installation), lambda: render_service(installation))


@cache
def everything_in(place: Place) -> tuple[Manifest, ...]:
    """Render all seven releases."""
    services = (one for service in SERVICES for one in service_in(place, service))
    return (*platform_of(place), *services)


def _kept(name: str, make: Callable[[], list[Manifest]]) -> tuple[Manifest, ...]:
    """Render once for all test processes, and again when a chart or a value has changed."""
    file = _folder() / f"{name}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{name}.{new_id('req')}")
        draft.write_text(json.dumps(make()))
        draft.replace(file)
    return tuple(json.loads(file.read_text()))


@cache
def _folder() -> Path:
    """Where renderings of exactly these charts and values are kept; those of others are thrown away."""
    told = hashlib.sha256()
    for path in sorted(path for path in HELM.rglob("*") if path.is_file()):
        told.update(str(path).encode() + path.read_bytes())
    folder = ROOT / ".meridian" / "rendered" / told.hexdigest()[:16]
    for other in folder.parent.glob("*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return folder


@dataclass(frozen=True)
class Pod:
    """The pods of a workload."""

    workload: str
    namespace: str
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All its containers, those that run first included."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def ports(self) -> dict[str, int]:
        """Its named ports."""
        return {
            port["name"]: port["containerPort"]
            for container in self.containers
            for port in container.get("ports", [])
        }

    def is_selected_by(self, labels: dict[str, str]) -> bool:
        """Tell whether all these labels are its own."""
        return labels.items() <= self.labels.items()


def pods_of(manifests: Iterable[Manifest]) -> list[Pod]:
    """Return the pods of every workload."""
    return [
        Pod(name_of(one), namespace_of(one), template["metadata"]["labels"], template["spec"])
        for one in manifests
        if one["kind"] in WORKLOADS
        for template in [one["spec"].get("template")]
        if template is not None  # a Rollout may take another workload's
    ]


def name_of(manifest: Manifest) -> str:
    """Return `Kind/name`, as kubectl writes it."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def namespace_of(manifest: Manifest) -> str:
    """Return the namespace it is created in."""
    return str(manifest["metadata"].get("namespace", NAMESPACE))


def values_at(tree: Any, key: str) -> Iterator[Any]:
    """Find every value of a key, however deep."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name == key:
                yield value
            yield from values_at(value, key)
    elif isinstance(tree, list):
        for item in tree:
            yield from values_at(item, key)
