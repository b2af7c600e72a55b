"""Production's plans, made without an account, hold every figure of the topology: a row, a resource, a figure."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.terraform.blocks import blocks_in
from deploy.terraform.layout import Layout
from tests.architecture.applications import ROOT
from tests.terraform.plans import LINKED, PLANS, Planned, Resource, Row, figures
from tests.terraform.sandbox import Sandbox

LAYOUT: Final = Layout()
STACKS: Final = LAYOUT.stacks()
LINES: Final = json.loads(Path(__file__).with_name("topology.json").read_text())
ROWS: Final = [line for line in LINES if "stack" in line]
PAGE: Final = ROOT / "docs" / "topology.md"
NETWORKS: Final = {"us-east-1": "10.0", "eu-west-1": "10.1", "ap-south-1": "10.2"}
ENDPOINTS: Final = {"us-east-1": "us", "eu-west-1": "eu", "ap-south-1": "ap"}
COPIES: Final = {"us-east-1": "us-west-2", "eu-west-1": "eu-central-1", "ap-south-1": "ap-south-2"}


def meant(row: Row, region: str) -> list[Any]:
    """Return a row's figures as they are in a region."""
    text = json.dumps(row["values"])
    second, third = [one for one in NETWORKS if one != region]
    for name, value in (
        ("{second}", second),
        ("{third}", third),
        ("{net}", NETWORKS[region]),
        ("{region}", region),
        ("{copy}", COPIES[region]),
        ("{endpoint}", f"api-{ENDPOINTS[region]}.example.com"),
    ):
        text = text.replace(name, value)
    return list(json.loads(text))


def matches(row: Row, found: Resource, region: str) -> bool:
    wanted = {
        path: meant({"values": [value]}, region) for path, value in row.get("filter", {}).items()
    }
    return found["type"] == row["type"] and all(
        figures(found["values"], path) == value for path, value in wanted.items()
    )


def wrong(row: Row, planned: Sequence[Resource], region: str) -> str | None:
    found = [one for one in planned if matches(row, one, region)]
    if len(found) < row.get("least", 1) or len(found) != row.get("count", len(found)):
        return f"{row['row']}: there are {len(found)} of {row['type']}"
    if "attribute" not in row:
        return None
    wanted = sorted(map(repr, meant(row, region)))
    told = sorted(
        {repr(value) for one in found for value in figures(one["values"], row["attribute"])}
    )
    return None if told == wanted else f"{row['row']}: {told} instead of {wanted}"


@pytest.mark.parametrize("planned", [*PLANS, LINKED], ids=str)
def test_a_plan_of_production_holds_the_topologys_figures(
    sandbox: Sandbox, planned: Planned
) -> None:
    found, region = planned.resources(sandbox), planned.place.region
    rows = [row for row in ROWS if row["stack"] == planned.name]
    faults = [wrong(row, found, region) for row in rows if row.get("region", region) == region]
    assert found
    assert [fault for fault in faults if fault] == []


def test_a_figure_that_differs_or_is_missing_is_a_fault() -> None:
    row = {"row": "three", "stack": "x", "type": "t", "attribute": "a.*.n", "values": [1, 2]}
    assert wrong(row, [{"type": "t", "values": {"a": [{"n": 1}, {"n": 2}]}}], "us-east-1") is None
    assert wrong(row, [{"type": "t", "values": {"a": [{"n": 1}, {"n": 3}]}}], "us-east-1")
    assert wrong(row, [{"type": "t", "values": {"a": [{"n": 1}, {}]}}], "us-east-1")
    assert wrong(row, [], "us-east-1")


def test_every_line_of_the_topology_is_proven_where_the_page_says() -> None:
    page = {
        what: set(proofs.split(", "))
        for what, proofs in re.findall(
            r"^\| (?!line )(\S.*?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE
        )
    }
    proven: dict[str, set[str]] = {}
    for line in LINES:
        by = line["stack"] if "stack" in line else f"`{line['file']}`"
        proven.setdefault(line["row"], set()).add(by)
    assert page == proven, "docs/topology.md and tests/terraform/topology.json name different lines"


def test_every_proof_of_the_topology_exists() -> None:
    assert {row["stack"] for row in ROWS} <= {planned.name for planned in (*PLANS, LINKED)}
    files = [line["file"] for line in LINES if "file" in line]
    assert [name for name in files if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("stack", STACKS)
def test_a_stacks_example_is_there_for_whoever_stands_on_it(stack: str) -> None:
    example = LAYOUT.terraform / "tests" / "fixtures" / f"{stack}.json"
    assert isinstance(json.loads(example.read_text()), dict)


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_every_value_is_one_that_its_stack_declares(environment: str) -> None:
    folder = LAYOUT.environments / environment
    for stack in STACKS:
        declared = {block.name for block in blocks_in(LAYOUT.folder_of(stack), "variable")}
        own = folder / f"{stack}.tfvars"
        files = [folder / "env.tfvars", *([own] if own.exists() else [])]
        for file in files:
            given = {
                line.split("=")[0].strip()
                for line in file.read_text().splitlines()
                if line[:1].isalpha()
            }
            assert given <= declared, f"{file.name} of {environment}: {given - declared}"


def test_every_environment_names_its_states_bucket() -> None:
    for environment in ("dev", "staging", "prod"):
        text = (LAYOUT.environments / environment / "backend.hcl").read_text()
        assert f'"meridian-{environment}-terraform-state"' in text
        assert "use_lockfile = true" in text
