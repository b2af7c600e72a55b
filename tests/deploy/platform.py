"""The platform chart's installations: one per environment and region."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from typing_extensions import override

from edge.operations import Operation, load_operations
from tests.deploy.charts import (
    ENVIRONMENTS,
    PLATFORM_CHART,
    REGIONS,
    Manifest,
    merge,
    platform_values,
    render,
)


@dataclass(frozen=True)
class Place:
    """One region of one environment."""

    environment: str = "prod"
    region: str = "us-east-1"

    @override
    def __str__(self) -> str:
        return f"{self.environment}-{self.region}"

    def values(self, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The values an installation there uses; `changes` are laid over them (`--set`)."""
        return merge(platform_values(self.environment, self.region), changes or {})

    def rendered(self, changes: Mapping[str, Any] | None = None) -> list[Manifest]:
        """The objects of `helm upgrade --install platform deploy/helm/platform -n meridian-platform ...`."""
        return _rendered(self) if changes is None else _render(self.values(changes))


@cache
def _rendered(place: Place) -> list[Manifest]:
    return _render(place.values())


def _render(values: Mapping[str, Any]) -> list[Manifest]:
    return render(PLATFORM_CHART, values, name="platform", namespace="meridian-platform")


PLACES: Final = tuple(
    Place(environment, region) for environment in ENVIRONMENTS for region in REGIONS
)

WITHOUT_TERRAFORM: Final[Mapping[str, Any]] = {
    "certificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000000",
    "wafAclArn": "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/meridian/00000000-0000-4000-8000-000000000000",
}
"""What the load balancer controller needs to make a load balancer itself."""

OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "shape b": {"edge": {"shape": "apigateway"}},
    "ingress": {"edge": {"api": "ingress", **WITHOUT_TERRAFORM}},
    "shape b, ingress": {"edge": {"shape": "apigateway", "api": "ingress", **WITHOUT_TERRAFORM}},
    "gateway api": {"edge": {"api": "gatewayApi", **WITHOUT_TERRAFORM}},
    "shape b, gateway api": {
        "edge": {"shape": "apigateway", "api": "gatewayApi", **WITHOUT_TERRAFORM}
    },
    "no mesh": {"mesh": {"enabled": False}},
    "canary": {"mesh": {"canary": {"order": 10}}},
    "database bootstrap": {"databaseBootstrap": {"enabled": True}},
    "no monitoring": {"monitoring": {"rules": False, "dashboards": False}},
    "no collector": {"collector": {"enabled": False}},
    "pinned image": {"gateway": {"image": {"digest": "sha256:" + "0" * 64}}},
}
"""What can be switched, each as a change of the values."""


def operations_of(service: str) -> list[Operation]:
    """The operations of one service, internal ones included."""
    return [one for one in load_operations() if one.service == service]


def example_of(operation: Operation) -> str:
    """A path that asks for this operation."""
    return re.sub(r"\{[^}]+\}", "01900000-0000-7000-8000-000000000001", operation.path)
