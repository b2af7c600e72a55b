"""Renders and lints the charts with Helm itself (as a library), for the value files a real installation uses."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import helm_python
import yaml
from typing_extensions import override

from libs.topology import SERVICES
from tests.architecture.applications import ROOT

Manifest = dict[str, Any]
"""One Kubernetes object as it would be sent to the cluster."""

HELM: Final = ROOT / "deploy" / "helm"
SERVICE_CHART: Final = HELM / "service"
PLATFORM_CHART: Final = HELM / "platform"
VALUES: Final = HELM / "values"

NAMESPACE: Final = "meridian"
ENVIRONMENTS: Final = ("dev", "staging", "prod")
REGIONS: Final = ("us-east-1", "eu-west-1", "ap-south-1")
KUBERNETES_VERSION: Final = "v1.36.0"

ASKED: Final[Mapping[str, Any]] = {
    "monitoring": {"runbooks": "https://git.example.com/shop/meridian/blob/main/docs/runbooks"},
    "database": {"authorities": "the certificates of the database's authorities\n"},
}
"""What the platform chart asks people for; no value file answers in their place."""

HOOK: Final = "helm.sh/hook"
HOOK_WEIGHT: Final = "helm.sh/hook-weight"


@dataclass(frozen=True)
class Installation:
    """One service in one environment and region: `helm upgrade --install order ... -f ... -f ... -f ...`."""

    service: str
    environment: str = "prod"
    region: str = "us-east-1"

    @override
    def __str__(self) -> str:
        return f"{self.service}-{self.environment}-{self.region}"

    @property
    def value_files(self) -> list[Path]:
        """The value files in the order Helm reads them: the later wins."""
        return [
            VALUES / "services" / f"{self.service}.yaml",
            VALUES / "env" / f"{self.environment}.yaml",
            VALUES / "env" / f"{self.environment}-{self.region}.yaml",
        ]


INSTALLATIONS: Final = tuple(
    Installation(service, environment, region)
    for service in SERVICES
    for environment in ENVIRONMENTS
    for region in REGIONS
)


def values_of(files: Iterable[Path]) -> dict[str, Any]:
    """Merge value files as Helm does: maps key by key, anything else replaced by the later file."""
    merged: dict[str, Any] = {}
    for file in files:
        merged = merge(merged, helm_python.values_from_yaml(file.read_text()))
    return merged


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree of values over another."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both_maps = isinstance(under, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(under, value) if both_maps and under is not None else value
    return merged


def platform_values(environment: str, region: str) -> dict[str, Any]:
    """The platform chart's values in a region: its two files, and what people are asked for."""
    names = (f"{environment}.yaml", f"{environment}-{region}.yaml")
    return merge(values_of(VALUES / "platform" / name for name in names), ASKED)


def render(
    chart: Path,
    values: Mapping[str, Any],
    *,
    name: str,
    namespace: str = NAMESPACE,
    is_upgrade: bool = False,
) -> list[Manifest]:
    """Render a chart to its objects, hooks included, in the order of its templates.

    Raises:
        helm_python.HelmValuesError: the chart's schema refuses the values; the message has path and reason.
        helm_python.HelmRenderError: a template refuses them.
    """
    texts = _loaded(chart).render(
        dict(values),
        name=name,
        namespace=namespace,
        is_install=not is_upgrade,
        is_upgrade=is_upgrade,
    )
    return [
        document
        for path, text in sorted(texts.items())
        if path.endswith((".yaml", ".yml"))
        for document in yaml.safe_load_all(text)
        if document
    ]


def render_notes(chart: Path, values: Mapping[str, Any], *, name: str) -> str:
    """Return what Helm prints after an installation."""
    texts = _loaded(chart).render(dict(values), name=name, namespace=NAMESPACE)
    return next(text for path, text in texts.items() if path.endswith("/templates/NOTES.txt"))


def render_service(
    installation: Installation,
    changes: Mapping[str, Any] | None = None,
    *,
    is_upgrade: bool = False,
) -> list[Manifest]:
    """Render the generic chart for one installation; `changes` are laid over its value files (`--set`)."""
    values = merge(values_of(installation.value_files), changes or {})
    return render(SERVICE_CHART, values, name=installation.service, is_upgrade=is_upgrade)


def lint(chart: Path, values: Mapping[str, Any]) -> list[str]:
    """Lint strictly and return what Helm finds fault with, warnings included."""
    report = helm_python.lint(
        chart,
        dict(values),
        strict=True,
        namespace=NAMESPACE,
        kube_version=KUBERNETES_VERSION,
    )
    warning = 2
    found = [
        f"{message['path']}: {message['error']}"
        for message in report["messages"]
        if message["severity"] >= warning
    ]
    return found + [error for error in report["errors"] if not any(error in f for f in found)]


@cache
def installed(installation: Installation) -> tuple[Manifest, ...]:
    """Render an installation as it is, once for all tests, which must not change what they get."""
    return tuple(render_service(installation))


def of_kind(manifests: Iterable[Manifest], kind: str) -> list[Manifest]:
    """Return the objects of one kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def find(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest:
    """Return the one object of this kind and name.

    Raises:
        LookupError: there is none, or more than one.
    """
    found = [m for m in of_kind(manifests, kind) if m["metadata"]["name"] == name]
    if len(found) != 1:
        present = sorted(m["metadata"]["name"] for m in of_kind(manifests, kind))
        raise LookupError(f"{len(found)} objects {kind}/{name}; there are {present}")
    return found[0]


def hooks(manifests: Iterable[Manifest], event: str) -> list[Manifest]:
    """Return the objects of a hook (`pre-install`, `pre-upgrade`) in the order Helm creates them."""
    chosen = [m for m in manifests if event in _annotation(m, HOOK).split(",")]
    return sorted(chosen, key=lambda m: int(_annotation(m, HOOK_WEIGHT) or 0))


def released(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Return the objects that are no hooks: what belongs to the release itself."""
    return [manifest for manifest in manifests if not _annotation(manifest, HOOK)]


def workloads(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Return everything that makes pods of its own."""
    return [manifest for manifest in manifests if manifest["kind"] in {"Deployment", "Job"}]


def pod_of(manifest: Manifest) -> Manifest:
    """Return the pod template of a Deployment, Job or Rollout."""
    template: Manifest = manifest["spec"]["template"]
    return template


def container_of(manifest: Manifest) -> Manifest:
    """Return the one container of a workload's pods."""
    (container,) = pod_of(manifest)["spec"]["containers"]
    only: Manifest = container
    return only


def _annotation(manifest: Manifest, name: str) -> str:
    return str((manifest["metadata"].get("annotations") or {}).get(name, ""))


@cache
def _loaded(chart: Path) -> helm_python.Chart:
    return helm_python.Chart.load(chart)
