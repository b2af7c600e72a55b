from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.torture.checker.breakings import BREAKINGS
from tests.torture.checker.sound import NOON, changed, operation, sound
from torture.checker.orders import orders_settle_in_time
from torture.checker.records import Evidence, Step
from torture.checker.verdict import judge


def rules_broken(evidence: Evidence) -> set[str]:
    return {violation.rule for violation in judge(evidence)}


def test_a_run_in_which_everything_is_right_breaks_no_rule() -> None:
    assert judge(sound()) == []


def test_an_empty_run_breaks_no_rule() -> None:
    assert judge(Evidence()) == []


@pytest.mark.parametrize("breaking", BREAKINGS)
def test_the_checker_sees_that(breaking: str) -> None:
    rule, spoil = BREAKINGS[breaking]
    assert rule in rules_broken(spoil(sound()))


def test_an_order_may_take_as_long_as_the_faults_do() -> None:
    run = sound()
    late = changed(run.steps, 2, at=NOON + timedelta(minutes=3))
    fault = operation("kill", "info", process="nemesis", at=1.0)
    fault = replace(fault, value={"at": (NOON + timedelta(minutes=2)).isoformat()})
    assert judge(replace(run, steps=late, history=[*run.history, fault])) == []


@pytest.mark.parametrize(
    ("asked", "gave_up", "broken"),
    [(110, 220, []), (130, 220, ["settled_late"]), (110, 240, ["settled_late"])],
)
def test_an_order_waits_for_its_customer_but_does_not_hide_behind_that(
    asked: int, gave_up: int, broken: list[str]
) -> None:
    steps = [
        Step("asked", 1, "order", None, "pending", None, NOON),
        Step("asked", 2, "payment", "pending", "requires_action", "e", _later(asked)),
        Step("asked", 3, "order", "pending", "failed", None, _later(gave_up)),
        Step("asked", 4, "payment", "requires_action", "voided", "e", _later(gave_up + 1)),
    ]
    assert [found.rule for found in orders_settle_in_time(Evidence(steps=steps))] == broken


def _later(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_request_that_was_never_answered_may_have_made_an_order() -> None:
    run = sound()
    order = replace(run.orders[1], id="lost", cart_id="crt-lost", cart_version=4)
    steps = [replace(step, order_id="lost") for step in run.steps if step.order_id == "gone"]
    told = [
        replace(message, id=f"lost-{message.type}", order_id="lost", readers=())
        for message in run.messages
        if message.order_id == "gone"
    ]
    whole = replace(
        run,
        orders=[*run.orders, order],
        steps=[*run.steps, *(replace(step, cause_event_id=None) for step in steps)],
        messages=[*run.messages, *told],
    )
    assert judge(whole) == []


def test_every_violation_is_one_sentence() -> None:
    for _, spoil in BREAKINGS.values():
        for violation in judge(spoil(sound())):
            assert "\n" not in violation.sentence
            assert violation.sentence
