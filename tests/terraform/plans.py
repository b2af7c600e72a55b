"""Production's plans, made without an account, and how to look into them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from typing_extensions import override

from deploy.terraform.layout import MASTER_ONLY, Layout, Place
from libs.topology import MASTER_REGION
from tests.terraform.sandbox import Sandbox

Resource = Mapping[str, Any]
"""What is planned: `address`, `type`, `values`, and for those known only after an apply true in `unknown`."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Planned:
    """A stack of prod in a region, `edge-b` being the second shape of edge."""

    name: str
    place: Place
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @override
    def __str__(self) -> str:
        return f"{self.name} in {self.place.region}"

    def resources(self, sandbox: Sandbox) -> list[Resource]:
        """Plan, unless that was done before, and list what is to be created."""
        return resources(sandbox.plan(self.place, self.values))


def resources(plan: Mapping[str, Any]) -> list[Resource]:
    """List what a plan creates, and the documents it can read only then."""
    return [
        {
            "address": one["address"],
            "type": one["type"],
            "values": one["change"]["after"] or {},
            "unknown": one["change"].get("after_unknown") or {},
        }
        for one in plan["resource_changes"]
    ]


def figures(values: Any, path: str) -> list[Any]:
    """Return what lies at a path: `*` means each of a list, text in between is read as JSON, what is absent is left out."""
    found = [values]
    for step in path.split("."):
        found = [inner for one in found for inner in _taken(one, step)]
    return found


def is_set(one: Resource, path: str) -> bool:
    """Whether a value is given, or will be known after an apply."""
    return any(figures(one["values"], path)) or any(map(bool, figures(one["unknown"], path)))


def resource(kind: str, **values: Any) -> Resource:
    """Make up a resource of a plan, to try a rule on."""
    return {"address": f"{kind}.this", "type": kind, "values": values, "unknown": {}}


def _taken(value: Any, step: str) -> list[Any]:
    inner = json.loads(value) if isinstance(value, str) else value
    if step == "*":
        return list(inner or ())
    if isinstance(inner, list):
        return inner[int(step) : int(step) + 1]
    return [inner[step]] if inner and step in inner else []


def _second_shape(region: str) -> Mapping[str, Any]:
    image = f"111122223333.dkr.ecr.{region}.amazonaws.com/meridian/authorizer@sha256:{'0' * 64}"
    return {"shape": "apigateway", "authorizer_image_uri": image}


def _plans(layout: Layout) -> Iterator[Planned]:
    for stack in layout.stacks():
        for region in [MASTER_REGION] if stack in MASTER_ONLY else layout.regions_of("prod"):
            place = Place("prod", region, stack)
            yield Planned(stack, place)
            if stack == "edge":
                yield Planned("edge-b", place, _second_shape(region))


PLANS: Final = tuple(_plans(Layout()))
"""Every stack of prod in every region, each shape of the edge."""

LINKED: Final = Planned(
    "operations-linked",
    Place("prod", MASTER_REGION, "operations"),
    {
        "watched_accounts": ["444455556666"],
        "monitoring_sinks": {
            MASTER_REGION: {
                "organisation": f"arn:aws:oam:{MASTER_REGION}:999988887777:sink/00000000-0000-4000-8000-000000000000"
            }
        },
    },
)
"""Prod as it is where an organisation has more than one account: a link joins accounts, never regions of one."""
