"""Snapshots of what the charts render: `make golden` writes them anew, and the difference is what gets reviewed.

One place of each chart is kept whole. For every option only what it adds or changes is kept, and the names of what it
takes away: that is what somebody wants to see who turns it on.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from typing_extensions import override

from libs.cache.access import acl_file
from libs.settings import LOCAL_ONLY
from libs.topology import SERVICES
from tests.architecture.applications import ROOT
from tests.deploy.charts import (
    PLATFORM_CHART,
    Installation,
    Manifest,
    merge,
    platform_values,
    render,
    render_service,
)
from tests.deploy.region import PLATFORM_NAMESPACE, Place, name_of

USERS_FILE: Final = ROOT / "deploy" / "compose" / "users.acl"
FOLDER: Final = ROOT / "tests" / "deploy" / "golden"
LONGEST_TEXT: Final = 1_000
PLACE: Final = Place("prod", "us-east-1")
SERVICE: Final = Installation("order", PLACE.environment, PLACE.region)

CERTIFICATE: Final = (
    "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000000"
)

SERVICE_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "no-keda": {"worker": {"keda": {"enabled": False}}},
    "no-vertical-autoscaler": {"verticalPodAutoscaler": {"enabled": False}},
    "alb": {
        "mesh": {"enabled": False},
        "exposure": {"alb": {"enabled": True, "certificateArn": CERTIFICATE}},
    },
    "gateway-api": {"exposure": {"gatewayApi": {"enabled": True}}},
    "canary": {"rollout": {"enabled": True}},
    "irsa": {"aws": {"identity": "irsa"}},
    "no-mesh": {"mesh": {"enabled": False}},
    "no-monitoring": {"monitoring": {"enabled": False}},
    "no-migration": {"migration": {"enabled": False}},
}
PLATFORM_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "api-gateway": {"edge": {"shape": "apigateway"}},
    "ingress": {"edge": {"api": "ingress", "certificateArn": CERTIFICATE}},
    "gateway-api": {"edge": {"api": "gatewayApi", "certificateArn": CERTIFICATE}},
    "no-mesh": {"mesh": {"enabled": False}},
    "canary": {"mesh": {"canary": {"order": 10}}},
    "no-collector": {"collector": {"enabled": False}},
    "database-bootstrap": {"databaseBootstrap": {"enabled": True}},
}


def names() -> list[str]:
    """Name every snapshot."""
    return [
        *("-".join(("service", *option)) for option in _options(SERVICE_OPTIONS)),
        *("-".join(("platform", *option)) for option in _options(PLATFORM_OPTIONS)),
    ]


def users_of_compose() -> dict[str, str]:
    """Return the password of each service's user of Redis in docker-compose.yml; like all there it is published."""
    return {service: f"{LOCAL_ONLY}-{service}-redis" for service in SERVICES}


def file_of(name: str) -> Path:
    """Say where a snapshot is kept."""
    return FOLDER / f"{name}.yaml"


def snapshot(name: str) -> str:
    """Render a snapshot."""
    chart, _, option = name.partition("-")
    if chart == "service":
        before, changes = render_service(SERVICE), SERVICE_OPTIONS
        after = render_service(SERVICE, changes.get(option))
    else:
        before, changes = platform_with({}), PLATFORM_OPTIONS
        after = platform_with(changes.get(option, {}))
    return _difference(before, after) if option else _text(after)


def platform_with(change: Mapping[str, Any], place: Place = PLACE) -> list[Manifest]:
    """Render the platform chart with an option."""
    values = merge(platform_values(place.environment, place.region), change)
    return render(PLATFORM_CHART, values, name="platform", namespace=PLATFORM_NAMESPACE)


def write() -> None:
    """Write every snapshot and remove those of options that are gone."""
    FOLDER.mkdir(exist_ok=True)
    for path in set(FOLDER.glob("*.yaml")) - {file_of(name) for name in names()}:
        path.unlink()
    for name in names():
        file_of(name).write_text(snapshot(name))
    USERS_FILE.write_text(acl_file(users_of_compose()))


def _options(known: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [(), *((option,) for option in known)]


def _difference(before: Iterable[Manifest], after: Iterable[Manifest]) -> str:
    old = {(one["apiVersion"], name_of(one)): one for one in before}
    new = {(one["apiVersion"], name_of(one)): one for one in after}
    gone = "".join(f"# without {name}\n" for _, name in sorted(old.keys() - new.keys()))
    return gone + _text(one for key, one in new.items() if old.get(key) != one)


def _text(manifests: Iterable[Manifest]) -> str:
    ordered = sorted(manifests, key=lambda one: (one["kind"], one["metadata"]["name"]))
    return yaml.dump_all(map(_shortened, ordered), Dumper=_Dumper, sort_keys=True, width=120)


def _shortened(manifest: Manifest) -> Manifest:
    """A file that is in the repository anyway, a dashboard say, is reviewed there; here its hash is enough."""
    if manifest["kind"] != "ConfigMap":
        return manifest
    data = {
        key: text if len(text) < LONGEST_TEXT else hashlib.sha256(text.encode()).hexdigest()
        for key, text in manifest.get("data", {}).items()
    }
    return {**manifest, "data": data}


class _Dumper(yaml.SafeDumper):
    """Long texts as they are read: line by line."""

    @override
    def ignore_aliases(self, data: object) -> bool:
        return True


def _lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _lines)

if __name__ == "__main__":
    write()
