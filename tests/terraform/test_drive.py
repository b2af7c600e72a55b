"""The driver refuses what does not exist with a sentence, and knows what a stack stands on."""

from pathlib import Path

import pytest

from deploy.terraform.blocks import blocks_in
from deploy.terraform.drive import EXIT_REFUSED, main
from deploy.terraform.layout import Layout, Place, Upstream, place_of
from deploy.terraform.program import MISSING, PROVIDER, find_terraform, provider_mirror
from deploy.terraform.refusal import Refusal

VALUES = """
regions = {
  us-east-1 = { cidr = "10.0.0.0/16" }
  "eu-west-1" = { cidr = "10.1.0.0/16" }
}
"""

VARIABLES = """
variable "environment" {
  description = "Which environment"
  type        = string
}

variable "network" {
  description = "What the network stack made"
  type = object({
    vpc_id = string
  })

  validation {
    condition     = var.network.vpc_id != ""
    error_message = "no"
  }
}

variable "edge_by_region" {
  description = "Every region's edge"
  type        = map(any)
  default     = {}
}
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path, tmp_path / "environments", tmp_path / "work")
    for stack in ("global", "network", "data", "observability"):
        folder = layout.folder_of(stack)
        folder.mkdir(parents=True)
        (folder / "versions.tf").touch()
    (layout.folder_of("data") / "variables.tf").write_text(VARIABLES)
    values = layout.environments / "prod" / "env.tfvars"
    values.parent.mkdir(parents=True)
    values.write_text(VALUES)
    return layout


@pytest.mark.parametrize(
    ("environment", "region", "stack", "sentence"),
    [
        ("qa", "us-east-1", "network", "There is no environment 'qa': say env= one of prod."),
        ("prod", "mars-1", "network", "prod has no region 'mars-1': say region= one of us-east-1"),
        ("prod", "", "network", "prod has no region ''"),
        (
            "prod",
            "us-east-1",
            "disk",
            "There is no stack 'disk': say stack= one of global, network",
        ),
        ("prod", "eu-west-1", "global", "global exists once, in us-east-1"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(
    layout: Layout, environment: str, region: str, stack: str, sentence: str
) -> None:
    with pytest.raises(Refusal) as refused:
        place_of(layout, environment, region, stack)
    assert sentence in str(refused.value)


def test_a_global_stack_needs_no_region(layout: Layout) -> None:
    assert place_of(layout, "prod", "", "global").region == "us-east-1"


def test_states_are_kept_by_environment_region_and_stack(layout: Layout) -> None:
    place = place_of(layout, "prod", "eu-west-1", "data")
    assert place.state_key == "prod/eu-west-1/data.tfstate"
    assert place == Place("prod", "eu-west-1", "data")


def test_a_variable_named_after_a_stack_is_what_that_stack_made(layout: Layout) -> None:
    assert layout.upstreams_of("data") == [
        Upstream("network", "network", every_region=False, required=True),
        Upstream("edge_by_region", "edge", every_region=True, required=False),
    ]


def test_blocks_are_read_without_what_is_nested_in_them(layout: Layout) -> None:
    environment, network, edges = blocks_in(layout.folder_of("data"), "variable")
    assert environment.description == "Which environment"
    assert network.attributes == {
        "description": '"What the network stack made"',
        "type": "object({\n    vpc_id = string\n  })",
    }
    assert edges.attributes["default"] == "{}"


@pytest.mark.parametrize("verb", ["apply", "destroy"])
def test_the_command_says_what_is_wrong_and_changes_nothing(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--env", "prod", "--region", "mars-1", "--stack", "network", "--do", verb]
    assert main(arguments) == EXIT_REFUSED
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "say " in said


def test_an_unknown_verb_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--do", "explode"]) == EXIT_REFUSED
    assert "say do= one of plan, apply, destroy, output" in capsys.readouterr().err


def test_a_missing_terraform_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refusal) as refused:
        find_terraform(tmp_path)
    assert str(refused.value) == MISSING


def test_a_mirror_of_this_machine_is_found(tmp_path: Path) -> None:
    assert provider_mirror(None, tmp_path) is None
    (tmp_path / "opt" / "anything" / PROVIDER).mkdir(parents=True)
    assert provider_mirror(None, tmp_path) == tmp_path / "opt" / "anything"


def test_a_mirror_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="name a provider mirror, or unset it"):
        provider_mirror(str(tmp_path), tmp_path)


def test_the_shells_region_and_endpoint_reach_no_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "terraform"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("AWS_REGION", "AWS_ENDPOINT_URL", "TF_WORKSPACE", "TF_VAR_environment"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("AWS_PROFILE", "meridian")
    environment = find_terraform(tmp_path / "work").environment
    assert "elsewhere" not in environment.values()
    assert environment["AWS_PROFILE"] == "meridian"
