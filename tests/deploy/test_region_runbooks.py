"""A region is built, left and removed by commands in the order in which they work, in the cluster and not on one machine."""

import json
import re
from typing import Final

from deploy.terraform.layout import REGIONAL, STACKS, TERRAFORM
from tests.architecture.applications import ROOT
from tests.deploy.test_runbooks import COMMANDS

BUILD: Final = (ROOT / "docs" / "runbooks" / "build-a-region.md").read_text()
TF: Final = re.compile(
    r"^\$ make tf env=\$ENV (region=\$REGION )?stack=(\w+) do=apply$", re.MULTILINE
)


def test_a_new_region_is_built_in_the_order_in_which_stacks_stand_on_each_other() -> None:
    first, _, _ = BUILD.partition("## Add a region")
    applied = TF.findall(first)
    assert [stack for _, stack in applied] == list(STACKS)
    assert {stack for region, stack in applied if region} == set(REGIONAL)


def test_a_region_is_removed_in_the_opposite_order() -> None:
    [destroyed] = re.findall(r"for stack in ([\w ]+); do make tf .* do=destroy", BUILD)
    assert destroyed.split() == list(reversed(REGIONAL))


def test_clusters_are_called_what_terraform_calls_them() -> None:
    made = json.loads((TERRAFORM / "tests" / "fixtures" / "platform.json").read_text())
    named = [
        found[1]
        for command in COMMANDS
        if (found := re.search(r"update-kubeconfig --name (\S+)", command.text))
    ]
    assert named
    for name in named:
        meant = name.replace("$ENV", "prod").replace("$REGION", "us-east-1")
        assert meant == made["cluster_name"]


def test_no_runbook_types_a_verb_of_the_stack_on_one_machine() -> None:
    makefile = (ROOT / "Makefile").read_text()
    local = set(re.findall(r"^([\w-]+):.*\n\t.*-m local\b", makefile, re.MULTILINE))
    assert "dead-letters" in local
    typed = {
        found[1]: str(command)
        for command in COMMANDS
        if (found := re.match(r"make ([\w-]+)", command.text))
    }
    assert {verb: page for verb, page in typed.items() if verb in local} == {}


def test_people_are_told_how_they_come_to_a_cluster_that_is_closed_to_the_internet() -> None:
    """Through a node that Session Manager reaches; the cluster's own tests hold the node's rights to it."""
    index = (ROOT / "docs" / "runbooks" / "README.md").read_text()
    for step in (
        "access_entries",
        "public_access_cidrs",
        "AWS-StartPortForwardingSessionToRemoteHost",
    ):
        assert step in index
    assert "--tls-server-name=$HOST" in index, "the certificate names the cluster, not this machine"
    nodes = (TERRAFORM / "modules" / "cluster" / "nodes.tf").read_text()
    assert "AmazonSSMManagedInstanceCore" in nodes
