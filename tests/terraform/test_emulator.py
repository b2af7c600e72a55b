"""Keys, messages and identities are built for real on an emulator, and the shop sells on what Terraform made."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from deploy.terraform.drive import Driver
from deploy.terraform.layout import Place
from deploy.terraform.program import Terraform
from deploy.terraform.refusal import Refusal
from libs.messaging.routing import Routing
from libs.testing.servers import running_ministack
from libs.testing.settings import TestEnvironment
from tests.e2e.stack import start_stack
from tests.terraform.emulated import ENVIRONMENT, REGION, STACKS, emulated_driver

pytestmark = pytest.mark.terraform

QUEUE: Final = "aws_sqs_queue"

FORGOTTEN: Final = {
    "aws_secretsmanager_secret": {"replica"},
    "aws_cloudwatch_metric_alarm": {
        *("actions_enabled", "alarm_actions", "alarm_description", "dimensions", "ok_actions"),
        *("period", "statistic", "treat_missing_data"),
    },
}
"""What the emulator stores and does not tell again; the modules' own tests with a mocked provider hold these figures."""


AT_ONCE: Final = ("-auto-approve", "-parallelism=40")
"""The provider watches a queue for twenty-five seconds after each change: it may watch all of them together."""


@dataclass(frozen=True)
class Built:
    """What was applied, with what, and where."""

    driver: Driver
    endpoint: str


def place(stack: str) -> Place:
    return Place(ENVIRONMENT, REGION, stack)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, terraform: Terraform) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("emulated") / "meridian"
    with running_ministack(TestEnvironment().ministack_python) as endpoint:
        driver = emulated_driver(folder, terraform, endpoint)
        with pytest.raises(
            Refusal, match="stands on data of prod in us-east-1, which was not applied"
        ):
            driver.plan(place("messaging"))
        for stack in STACKS:
            driver.apply(place(stack), *AT_ONCE)
        yield Built(driver, endpoint)


@pytest.fixture(scope="module")
def changes(built: Built) -> dict[str, list[dict[str, Any]]]:
    """What another apply would change in each stack, and what is there."""
    return {
        stack: built.driver.changes(place(stack)).get("resource_changes", []) for stack in STACKS
    }


@pytest.mark.parametrize("stack", STACKS)
def test_what_was_applied_is_what_the_code_says(
    changes: dict[str, list[dict[str, Any]]], stack: str
) -> None:
    wrong = {}
    for one in changes[stack]:
        before, after = one["change"]["before"] or {}, one["change"]["after"] or {}
        differing = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        if one["change"]["actions"] == ["no-op"]:
            continue
        if one["change"]["actions"] != ["update"] or differing - FORGOTTEN.get(one["type"], set()):
            wrong[one["address"]] = differing
    assert changes[stack]
    assert wrong == {}


def test_a_queue_gives_up_into_its_own_dead_letter_queue(
    changes: dict[str, list[dict[str, Any]]],
) -> None:
    queues = [one["change"]["before"] for one in changes["messaging"] if one["type"] == QUEUE]
    targets = {
        queue["name"]: json.loads(queue["redrive_policy"])["deadLetterTargetArn"].split(":")[-1]
        for queue in queues
        if queue["redrive_policy"]
    }
    assert targets == {
        f"meridian-{queue.name}": f"meridian-{queue.dead_letter}"
        for queue in Routing.load().all_queues()
    } | {"meridian-replicas": "meridian-replicas-dead"}


def test_the_shop_sells_on_the_topics_and_queues_that_terraform_made(
    built: Built, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = {"AWS_ENDPOINT_URL": built.endpoint, "MESSAGING_DECLARED": "true"}
    stack = start_stack(tmp_path_factory.mktemp("shop"), settings=settings)
    try:
        demo = stack.command("demo", seconds=240)
    finally:
        stack.stop()
    assert demo.returncode == 0, demo.stdout + demo.stderr


def test_what_others_stand_on_is_not_destroyed_before_them(built: Built) -> None:
    with pytest.raises(Refusal, match="platform of prod in us-east-1 still uses messaging"):
        built.driver.destroy(place("messaging"), *AT_ONCE)


def test_everything_is_destroyed_in_the_reverse_order(built: Built) -> None:
    for stack in reversed(STACKS):
        built.driver.destroy(place(stack), *AT_ONCE)
        assert built.driver.output(place(stack)) is None
