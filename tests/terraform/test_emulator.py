"""Keys, messages and identities are built for real on an emulator, and the shop sells on what Terraform made."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from deploy.terraform.drive import Driver
from deploy.terraform.layout import Place
from deploy.terraform.program import Terraform
from deploy.terraform.refusal import Refusal
from libs.testing.servers import running_ministack
from libs.testing.settings import TestEnvironment
from tests.e2e.stack import start_stack
from tests.terraform.emulated import ENVIRONMENT, REGION, STACKS, emulated_driver

pytestmark = [pytest.mark.xdist_group("emulator"), pytest.mark.terraform]

FORGOTTEN: Final = {
    "aws_secretsmanager_secret": {"replica"},
    "aws_cloudwatch_metric_alarm": {
        *("actions_enabled", "alarm_actions", "alarm_description", "dimensions", "ok_actions"),
        *("period", "statistic", "treat_missing_data"),
    },
}
"""What the emulator stores and does not tell again; the modules' own tests with a mocked provider hold these figures."""


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
            driver.apply(place(stack), "-auto-approve")
        yield Built(driver, endpoint)


@pytest.mark.parametrize("stack", STACKS)
def test_what_was_applied_is_what_the_code_says(built: Built, stack: str) -> None:
    changes = built.driver.changes(place(stack)).get("resource_changes", [])
    wrong = {}
    for one in changes:
        before, after = one["change"]["before"] or {}, one["change"]["after"] or {}
        differing = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        if one["change"]["actions"] == ["no-op"]:
            continue
        if one["change"]["actions"] != ["update"] or differing - FORGOTTEN.get(one["type"], set()):
            wrong[one["address"]] = differing
    assert changes
    assert wrong == {}


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
        built.driver.destroy(place("messaging"), "-auto-approve")


def test_everything_is_destroyed_in_the_reverse_order(built: Built) -> None:
    for stack in reversed(STACKS):
        built.driver.destroy(place(stack), "-auto-approve")
        assert built.driver.output(place(stack)) is None
