"""A region's plans are kept, read, and applied as they are; what stands on a change waits until the change is there."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from deploy.terraform.drive import EXIT_REFUSED, HIDDEN, Driver
from deploy.terraform.layout import Layout, Place
from deploy.terraform.program import Terraform
from deploy.terraform.refusal import Refusal
from deploy.terraform.release import Plans, apply_region, main, plan_region
from libs.testing.servers import running_ministack
from libs.testing.settings import TestEnvironment
from tests.terraform.emulated import backend

STATES: Final = "meridian-plans-terraform-state"
PLACE: Final = ("prod", "us-east-1")

BACKEND: Final = 'terraform {\n  backend "s3" {}\n}\n'
TOLD: Final = """
variable "environment" {
  type = string
}

variable "region" {
  type = string
}

variable "regions" {
  type = any
}
"""
STACKS: Final = {
    "network": """
variable "size" {
  type = number
}

variable "note" {
  type = string
}

resource "terraform_data" "this" {
  input = var.note
}

output "network" {
  value = { size = var.size }
}

output "secret" {
  value     = { word = "open sesame" }
  sensitive = true
}
""",
    "data": """
variable "network" {
  type = object({ size = number, word = string })
}

resource "terraform_data" "this" {
  input = var.network.size
}

output "data" {
  value = { size = var.network.size }
}
""",
}
"""Two stacks, one upon the other; the built-in resource needs no provider and no AWS."""


@dataclass(frozen=True)
class Region:
    """A region of two stacks, and where its values and plans are."""

    driver: Driver
    values: Path
    plans: Path

    def wants(self, size: int, note: str = "") -> None:
        self.values.write_text(f'size = {size}\nnote = "{note}"\n')

    def plan(self) -> Plans:
        return plan_region(self.driver, *PLACE, self.plans)

    def apply(self) -> None:
        apply_region(self.driver, *PLACE, self.plans)

    def sizes(self) -> list[int | None]:
        made = [self.driver.output(Place(*PLACE, stack)) for stack in STACKS]
        return [None if one is None else one["size"] for one in made]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running_ministack(TestEnvironment().ministack_python) as address:
        yield address


@pytest.fixture
def region(tmp_path: Path, terraform: Terraform, endpoint: str) -> Region:
    bucket = f"{STATES}-{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}"
    layout = Layout(tmp_path, tmp_path / "environments", tmp_path / "work")
    for stack, text in STACKS.items():
        folder = layout.folder_of(stack)
        folder.mkdir(parents=True)
        (folder / "versions.tf").write_text(BACKEND)
        (folder / "main.tf").write_text(TOLD + text)
    values = layout.environments / "prod"
    values.mkdir(parents=True)
    (values / "env.tfvars").write_text("regions = {\n  us-east-1 = {}\n}\n")
    (values / "backend.hcl").write_text(backend(endpoint, bucket))
    httpx.put(f"{endpoint}/{bucket}").raise_for_status()
    return Region(Driver(layout, terraform), values / "network.tfvars", tmp_path / "plans")


def built(region: Region, size: int = 1) -> None:
    region.wants(size)
    region.plan()
    with pytest.raises(Refusal, match="data stand on what has changed: plan again"):
        region.apply()
    region.plan()
    region.apply()


def test_a_stack_waits_for_what_it_stands_on_and_is_planned_on_what_is_there(
    region: Region,
) -> None:
    region.wants(size=1)
    assert region.plan() == Plans(*PLACE, stacks=["network"], waiting=["data"])
    with pytest.raises(Refusal, match="What was approved is applied"):
        region.apply()
    assert region.sizes() == [1, None]
    assert region.plan() == Plans(*PLACE, stacks=["data"], waiting=[])
    region.apply()
    assert region.sizes() == [1, 1]
    assert region.plan() == Plans(*PLACE, stacks=[], waiting=[])


def test_what_is_applied_is_what_was_read_and_not_what_is_wanted_by_then(region: Region) -> None:
    built(region)
    region.wants(size=1, note="read")
    assert region.plan().stacks == ["network"]
    region.wants(size=99, note="not read")
    region.apply()
    assert region.sizes() == [1, 1]
    region.wants(size=1, note="read")
    assert region.plan().stacks == []


def test_a_plan_of_a_region_that_has_changed_since_is_refused(region: Region) -> None:
    built(region)
    region.wants(size=1, note="read")
    region.plan()
    region.wants(size=1, note="in between")
    region.driver.apply(Place(*PLACE, "network"), "-auto-approve")
    with pytest.raises(Refusal, match="terraform apply failed in network"):
        region.apply()


def test_a_secret_is_handed_on_and_not_shown(region: Region) -> None:
    region.wants(size=1)
    region.plan()
    with pytest.raises(Refusal):
        region.apply()
    network = Place(*PLACE, "network")
    assert region.driver.output(network) == {"size": 1, "word": "open sesame"}
    assert region.driver.shown(network) == {"size": 1, "word": HIDDEN}


def test_plans_of_another_region_are_refused(tmp_path: Path) -> None:
    Plans("prod", "eu-west-1", ["network"], []).write(tmp_path)
    driver = Driver(Layout(), Terraform("none", {}))
    with pytest.raises(Refusal, match="holds plans of prod in eu-west-1"):
        apply_region(driver, *PLACE, tmp_path)


def test_a_folder_without_plans_is_refused(tmp_path: Path) -> None:
    driver = Driver(Layout(), Terraform("none", {}))
    with pytest.raises(Refusal, match="run make tf-region with do=plan first"):
        apply_region(driver, *PLACE, tmp_path)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--do", "destroy", "--plans", "x"], "say do= one of plan, apply"),
        (["--do", "plan"], "Say where the plans are kept: plans=FOLDER"),
        (["--env", "prod", "--region", "mars-1", "--plans", "x"], "prod has no region 'mars-1'"),
    ],
)
def test_the_command_says_what_is_wrong_and_changes_nothing(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == EXIT_REFUSED
    assert sentence in capsys.readouterr().err
