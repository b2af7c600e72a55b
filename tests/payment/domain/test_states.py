"""The state machine: every command and every answer leads along a legal edge or nowhere."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.money import Money
from services.payment.domain.states import (
    BEGUN,
    EDGES,
    FIRST_STATES,
    IN_FLIGHT,
    LONGEST_PAUSE_SECONDS,
    REACTIONS,
    ActionRequired,
    PaymentState,
    Purpose,
    Reaction,
    Refused,
    Succeeded,
    Unknown,
    Verdict,
    credible,
    next_state,
    pause_before_asking_again,
    provider_key,
)

README = Path(__file__).parents[3] / "services" / "payment" / "README.md"

S = PaymentState
DONE = Succeeded("ch_1", Money(100, "USD"))
NO = Refused("card_declined")
LOST = Unknown("timeout")
ASK = ActionRequired("https://bank.example/3ds/1", "ch_1")
COMMANDS = (Purpose.AUTHORIZE, Purpose.CAPTURE, Purpose.VOID)

verdicts: st.SearchStrategy[Verdict] = st.sampled_from([DONE, NO, LOST, ASK])


def test_every_command_has_a_reaction_in_every_state() -> None:
    for purpose in COMMANDS:
        assert set(REACTIONS[purpose]) == set(PaymentState)


def test_every_state_has_its_edges_and_can_be_reached() -> None:
    assert set(EDGES) == set(PaymentState)
    reached = set(FIRST_STATES)
    while more := {after for state in reached for after in EDGES[state]} - reached:
        reached |= more
    assert reached == set(PaymentState)


def test_the_readme_draws_exactly_the_legal_edges() -> None:
    drawn = re.findall(r"^    (\S+) --> (\w+)", README.read_text(), re.MULTILINE)
    legal = {(before, after) for before, ways in EDGES.items() for after in ways}
    assert sorted(drawn) == sorted(legal | {("[*]", state) for state in FIRST_STATES})


def test_only_captured_money_and_a_void_are_final() -> None:
    assert {state for state, after in EDGES.items() if not after} == {S.VOIDED, S.REFUNDED}


def test_a_call_begins_only_where_its_state_may_be_entered() -> None:
    for purpose, reactions in REACTIONS.items():
        for state, reaction in reactions.items():
            if reaction is Reaction.BEGIN:
                assert BEGUN[purpose] in EDGES[state]
            if reaction is Reaction.CLOSE:
                assert S.VOIDED in EDGES[state]
            if reaction in (Reaction.RESUME, Reaction.REMEMBER_VOID):
                assert state in IN_FLIGHT


@pytest.mark.parametrize(
    ("purpose", "state", "verdict", "void", "expected"),
    [
        (Purpose.AUTHORIZE, S.AUTHORIZING, DONE, False, S.AUTHORIZED),
        (Purpose.AUTHORIZE, S.AUTHORIZING, DONE, True, S.VOIDING),
        (Purpose.AUTHORIZE, S.AUTHORIZING, NO, False, S.DECLINED),
        (Purpose.AUTHORIZE, S.AUTHORIZING, NO, True, S.VOIDED),
        (Purpose.AUTHORIZE, S.AUTHORIZING, LOST, False, S.OUTCOME_UNKNOWN),
        (Purpose.AUTHORIZE, S.OUTCOME_UNKNOWN, LOST, False, None),
        (Purpose.AUTHORIZE, S.OUTCOME_UNKNOWN, DONE, False, S.AUTHORIZED),
        (Purpose.AUTHORIZE, S.AUTHORIZED, DONE, False, None),
        (Purpose.CAPTURE, S.CAPTURING, DONE, False, S.CAPTURED),
        (Purpose.CAPTURE, S.CAPTURING, DONE, True, S.CAPTURED),
        (Purpose.AUTHORIZE, S.AUTHORIZING, ASK, False, S.REQUIRES_ACTION),
        (Purpose.AUTHORIZE, S.AUTHORIZING, ASK, True, S.VOIDING),
        (Purpose.AUTHORIZE, S.OUTCOME_UNKNOWN, ASK, False, S.REQUIRES_ACTION),
        (Purpose.AUTHORIZE, S.REQUIRES_ACTION, ASK, False, None),
        (Purpose.AUTHORIZE, S.REQUIRES_ACTION, LOST, False, None),
        (Purpose.AUTHORIZE, S.REQUIRES_ACTION, DONE, False, S.AUTHORIZED),
        (Purpose.AUTHORIZE, S.REQUIRES_ACTION, NO, False, S.DECLINED),
        (Purpose.CAPTURE, S.CAPTURING, ASK, False, None),
        (Purpose.CAPTURE, S.CAPTURING, NO, False, S.VOIDING),
        (Purpose.CAPTURE, S.CAPTURING, NO, True, S.VOIDING),
        (Purpose.CAPTURE, S.CAPTURING, LOST, False, None),
        (Purpose.VOID, S.VOIDING, DONE, True, S.VOIDED),
        (Purpose.VOID, S.VOIDING, NO, True, None),
        (Purpose.VOID, S.VOIDING, LOST, True, None),
    ],
)
def test_an_answer_moves_the_payment_that_waits_for_it(
    purpose: Purpose,
    state: S,
    verdict: Verdict,
    void: bool,  # noqa: FBT001 - pytest passes parameters by name
    expected: S | None,
) -> None:
    assert next_state(purpose, state, verdict, void_requested=void) is expected


@pytest.mark.parametrize(("void", "expected"), [(False, S.DECLINED), (True, S.VOIDED)])
def test_the_void_after_a_refused_capture_ends_declined_unless_a_void_was_asked_for(
    void: bool,  # noqa: FBT001 - pytest passes parameters by name
    expected: S,
) -> None:
    after = next_state(Purpose.VOID, S.VOIDING, DONE, void_requested=void, capture_refused=True)
    assert after is expected


def test_every_answer_in_every_state_is_a_legal_edge_or_nothing() -> None:
    answers: tuple[Verdict, ...] = (DONE, NO, LOST, ASK)
    for purpose, state, verdict, void, refused in itertools.product(
        COMMANDS, PaymentState, answers, (False, True), (False, True)
    ):
        if void and state is S.REQUIRES_ACTION:
            continue  # a void begins at once there, so none is ever remembered
        after = next_state(purpose, state, verdict, void_requested=void, capture_refused=refused)
        assert after is None or after in EDGES[state]


@settings(deadline=None, max_examples=500)
@given(st.lists(st.tuples(st.sampled_from(COMMANDS), verdicts), max_size=50))
def test_no_sequence_of_commands_and_answers_leaves_the_legal_edges(
    steps: list[tuple[Purpose, Verdict]],
) -> None:
    state, void_requested, authorised, captured = S.AUTHORIZING, False, False, False
    refused = False
    for command, verdict in steps:
        reaction = REACTIONS[command][state]
        after: S | None = None
        if reaction is Reaction.BEGIN:
            after = BEGUN[command]
        elif reaction is Reaction.CLOSE:
            after = S.VOIDED
        elif reaction is Reaction.REMEMBER_VOID:
            void_requested = True
        if after is not None:
            assert after in EDGES[state]
            state = after
        if state in IN_FLIGHT:
            refused = refused or (state is S.CAPTURING and verdict is NO)
            after = next_state(
                IN_FLIGHT[state],
                state,
                verdict,
                void_requested=void_requested,
                capture_refused=refused,
            )
            assert after is None or after in EDGES[state]
            state = after or state
        authorised = authorised or state in {S.AUTHORIZED, S.CAPTURING}
        assert not captured or state is S.CAPTURED, "captured money is never voided or lost"
        captured = state is S.CAPTURED
        assert not captured or authorised, "nothing is captured that was not authorised"


def test_only_a_decline_that_reserves_nothing_is_final() -> None:
    sources = {state for state, after in EDGES.items() if S.DECLINED in after}
    assert sources == {S.AUTHORIZING, S.OUTCOME_UNKNOWN, S.REQUIRES_ACTION, S.VOIDING}


def test_a_confirmation_of_another_amount_proves_nothing() -> None:
    assert credible(DONE, Money(100, "USD")) is DONE
    assert credible(DONE, Money(101, "USD")) == Unknown("amount_mismatch")
    assert credible(DONE, Money(100, "EUR")) == Unknown("amount_mismatch")
    assert credible(NO, Money(101, "USD")) is NO
    assert credible(LOST, Money(101, "USD")) is LOST


def test_the_provider_key_names_payment_and_purpose() -> None:
    assert provider_key("pay_1", Purpose.CAPTURE) == "pay_1:capture"
    assert provider_key("pay_1", Purpose.REFUND, "rfd_1") == "pay_1:refund:rfd_1"


@settings(deadline=None)
@given(st.integers(1, 10_000))
def test_questions_get_rarer_but_never_stop(attempts: int) -> None:
    pause = pause_before_asking_again(attempts)
    assert 1 <= pause <= LONGEST_PAUSE_SECONDS
    assert pause <= pause_before_asking_again(attempts + 1)
