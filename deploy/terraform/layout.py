"""Where everything lies, which stacks there are, and what a stack wants to be given."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from typing_extensions import override

from deploy.terraform.blocks import Block, blocks_in
from deploy.terraform.refusal import Refusal
from libs.topology import MASTER_REGION

ROOT: Final = Path(__file__).resolve().parents[2]
TERRAFORM: Final = ROOT / "deploy" / "terraform"
ENVIRONMENTS: Final = ("dev", "staging", "prod")

REGIONAL: Final = ("network", "data", "messaging", "platform", "edge", "operations")
"""The stacks of one region, in the order they are applied; `global` comes first, `audit` before `operations`, `observability` last."""
MASTER_ONLY: Final = ("global", "audit", "observability")
"""Stacks that exist once, applied from the master region."""
STACKS: Final = ("global", *REGIONAL[:-1], "audit", REGIONAL[-1], "observability")

BY_REGION: Final = "_by_region"
"""A variable `edge_by_region` is given the `edge` output of every region that has been applied."""

_REGION_ROW: Final = re.compile(r'^\s+"?([a-z]{2}-[a-z]+-\d)"?\s*=\s*\{', re.MULTILINE)


@dataclass(frozen=True)
class Upstream:
    """Another stack's output that a stack takes as a variable of that name."""

    variable: str
    stack: str
    every_region: bool
    required: bool


@dataclass(frozen=True)
class Layout:
    """The folders of the Terraform tree; tests point them at copies."""

    terraform: Path = TERRAFORM
    environments: Path = TERRAFORM / "environments"
    work: Path = ROOT / ".meridian" / "terraform"

    def folder_of(self, stack: str) -> Path:
        """Name the root module of a stack."""
        stacks = self.terraform / "stacks"
        return stacks / stack if stack in MASTER_ONLY else stacks / "region" / stack

    def modules(self) -> list[Path]:
        """List every module."""
        return sorted(path.parent for path in self.terraform.glob("modules/*/versions.tf"))

    def stacks(self) -> list[str]:
        """List the stacks that exist, in the order they are applied."""
        return [stack for stack in STACKS if (self.folder_of(stack) / "versions.tf").exists()]

    def variables_of(self, stack: str) -> list[Block]:
        """Return what a stack declares."""
        return blocks_in(self.folder_of(stack), "variable")

    def upstreams_of(self, stack: str) -> list[Upstream]:
        """Return the stacks whose outputs this one takes: its variables that carry a stack's name."""
        found = []
        for variable in self.variables_of(stack):
            name = variable.name.removesuffix(BY_REGION)
            if name in STACKS:
                every = variable.name.endswith(BY_REGION)
                found.append(Upstream(variable.name, name, every, variable.required))
        return found

    def regions_of(self, environment: str) -> list[str]:
        """Return the regions an environment's values name.

        Raises:
            Refusal: the environment has no values.
        """
        values = self.environments / environment / "env.tfvars"
        if not values.exists():
            known = ", ".join(
                sorted(path.parent.name for path in self.environments.glob("*/env.tfvars"))
            )
            raise Refusal(f"There is no environment {environment!r}: say env= one of {known}.")
        return list(dict.fromkeys(_REGION_ROW.findall(values.read_text(encoding="utf-8"))))


@dataclass(frozen=True)
class Place:
    """One state: a stack of an environment in a region."""

    environment: str
    region: str
    stack: str

    @override
    def __str__(self) -> str:
        return f"{self.stack} of {self.environment} in {self.region}"

    @property
    def state_key(self) -> str:
        """Where the state lies in the bucket."""
        return f"{self.environment}/{self.region}/{self.stack}.tfstate"

    @property
    def apply_command(self) -> str:
        """What to type to create it."""
        return f"make tf env={self.environment} region={self.region} stack={self.stack} do=apply"


def place_of(layout: Layout, environment: str, region: str, stack: str) -> Place:
    """Return the state that is meant, or say what does not exist.

    Raises:
        Refusal: the environment, the region or the stack is unknown.
    """
    regions = layout.regions_of(environment)
    stacks = layout.stacks()
    if stack not in stacks:
        raise Refusal(f"There is no stack {stack!r}: say stack= one of {', '.join(stacks)}.")
    region = region or (MASTER_REGION if stack in MASTER_ONLY else "")
    if region not in regions:
        raise Refusal(
            f"{environment} has no region {region!r}: say region= one of {', '.join(regions)}, "
            f"or add its row to deploy/terraform/environments/{environment}/env.tfvars."
        )
    if stack in MASTER_ONLY and region != MASTER_REGION:
        raise Refusal(f"{stack} exists once, in {MASTER_REGION}: say region={MASTER_REGION}.")
    return Place(environment, region, stack)
