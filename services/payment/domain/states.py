"""The states of a payment, its legal edges, and what each command and each answer means in each state.

The database trigger is tested to allow exactly `EDGES`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from libs.money import Money


class PaymentState(StrEnum):
    """Where a payment stands; `...ING` means the provider was asked and its answer is not recorded yet."""

    AUTHORIZING = "authorizing"
    OUTCOME_UNKNOWN = "outcome_unknown"
    REQUIRES_ACTION = "requires_action"
    """The customer has to confirm with their bank (3-D Secure) before the provider answers for good."""
    AUTHORIZED = "authorized"
    DECLINED = "declined"
    CAPTURING = "capturing"
    CAPTURED = "captured"
    VOIDING = "voiding"
    VOIDED = "voided"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


S = PaymentState

EDGES: Final[Mapping[PaymentState, frozenset[PaymentState]]] = {
    S.AUTHORIZING: frozenset(
        {S.AUTHORIZED, S.DECLINED, S.OUTCOME_UNKNOWN, S.REQUIRES_ACTION, S.VOIDING, S.VOIDED}
    ),
    S.OUTCOME_UNKNOWN: frozenset(
        {S.AUTHORIZED, S.DECLINED, S.REQUIRES_ACTION, S.VOIDING, S.VOIDED}
    ),
    S.REQUIRES_ACTION: frozenset({S.AUTHORIZED, S.DECLINED, S.VOIDING}),
    S.AUTHORIZED: frozenset({S.CAPTURING, S.VOIDING}),
    S.DECLINED: frozenset({S.VOIDED}),
    S.CAPTURING: frozenset({S.CAPTURED, S.VOIDING}),
    S.CAPTURED: frozenset({S.PARTIALLY_REFUNDED, S.REFUNDED}),
    S.VOIDING: frozenset({S.VOIDED, S.DECLINED}),
    S.VOIDED: frozenset(),
    S.PARTIALLY_REFUNDED: frozenset({S.REFUNDED}),
    S.REFUNDED: frozenset(),
}
"""Every legal change of state. A payment is born in one of `FIRST_STATES`.

A refused capture goes through `voiding` to `declined`: the order is told when nothing is reserved any more.
"""

FIRST_STATES: Final = frozenset({S.AUTHORIZING, S.DECLINED, S.VOIDED})
"""Asked for, refused at once, or voided before it was asked for."""


class Purpose(StrEnum):
    """Why the provider is called; with the payment's id it makes the provider's idempotency key."""

    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


IN_FLIGHT: Final[Mapping[PaymentState, Purpose]] = {
    S.AUTHORIZING: Purpose.AUTHORIZE,
    S.OUTCOME_UNKNOWN: Purpose.AUTHORIZE,
    S.REQUIRES_ACTION: Purpose.AUTHORIZE,
    S.CAPTURING: Purpose.CAPTURE,
    S.VOIDING: Purpose.VOID,
}
"""The call whose answer a state waits for."""


class Reaction(StrEnum):
    """What a command leads to."""

    BEGIN = "begin"
    """Record the intent and call the provider."""
    RESUME = "resume"
    """The call is under way; finish it if nobody else is at it. Its outcome is told when it is known."""
    TOO_EARLY = "too_early"
    """What the command needs is not known yet."""
    REMEMBER_VOID = "remember_void"
    """The call under way comes first; its outcome is then undone or told."""
    CLOSE = "close"
    """Nothing was charged: the payment is voided without a call."""
    TELL_AUTHORIZED = "tell_authorized"
    TELL_DECLINED = "tell_declined"
    TELL_UNKNOWN = "tell_unknown"
    TELL_ACTION_REQUIRED = "tell_action_required"
    TELL_CAPTURED = "tell_captured"
    TELL_VOIDED = "tell_voided"


R = Reaction

REACTIONS: Final[Mapping[Purpose, Mapping[PaymentState, Reaction]]] = {
    Purpose.AUTHORIZE: {
        S.AUTHORIZING: R.RESUME,
        S.OUTCOME_UNKNOWN: R.TELL_UNKNOWN,
        S.REQUIRES_ACTION: R.TELL_ACTION_REQUIRED,
        S.AUTHORIZED: R.TELL_AUTHORIZED,
        S.DECLINED: R.TELL_DECLINED,
        S.CAPTURING: R.TELL_AUTHORIZED,
        S.CAPTURED: R.TELL_AUTHORIZED,
        S.VOIDING: R.RESUME,
        S.VOIDED: R.TELL_VOIDED,
        S.PARTIALLY_REFUNDED: R.TELL_AUTHORIZED,
        S.REFUNDED: R.TELL_AUTHORIZED,
    },
    Purpose.CAPTURE: {
        S.AUTHORIZING: R.TOO_EARLY,
        S.OUTCOME_UNKNOWN: R.TOO_EARLY,
        S.REQUIRES_ACTION: R.TOO_EARLY,
        S.AUTHORIZED: R.BEGIN,
        S.DECLINED: R.TELL_DECLINED,
        S.CAPTURING: R.RESUME,
        S.CAPTURED: R.TELL_CAPTURED,
        S.VOIDING: R.RESUME,
        S.VOIDED: R.TELL_VOIDED,
        S.PARTIALLY_REFUNDED: R.TELL_CAPTURED,
        S.REFUNDED: R.TELL_CAPTURED,
    },
    Purpose.VOID: {
        S.AUTHORIZING: R.REMEMBER_VOID,
        S.OUTCOME_UNKNOWN: R.REMEMBER_VOID,
        S.REQUIRES_ACTION: R.BEGIN,
        S.AUTHORIZED: R.BEGIN,
        S.DECLINED: R.CLOSE,
        S.CAPTURING: R.REMEMBER_VOID,
        S.CAPTURED: R.TELL_CAPTURED,
        S.VOIDING: R.REMEMBER_VOID,
        S.VOIDED: R.TELL_VOIDED,
        S.PARTIALLY_REFUNDED: R.TELL_CAPTURED,
        S.REFUNDED: R.TELL_CAPTURED,
    },
}
"""What a command, first or repeated, means in each state. A captured payment is not voided: its sender refunds."""

BEGUN: Final[Mapping[Purpose, PaymentState]] = {
    Purpose.CAPTURE: S.CAPTURING,
    Purpose.VOID: S.VOIDING,
}
"""The state in which the intent of a call is recorded before the call is made."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The provider did it; `reference` is the provider's id and `money` the amount it named."""

    reference: str
    money: Money


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider did not and will not; `reason` is a stable word."""

    reason: str


@dataclass(frozen=True, slots=True)
class ActionRequired:
    """The provider waits for the customer, who has to visit `redirect_url` (3-D Secure).

    `reference` is the provider's id of the payment: the same as in the answer that follows the visit.
    """

    redirect_url: str
    reference: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whether the provider did it is not known: no answer, a server error, or an answer that contradicts itself."""

    reason: str


Verdict = Succeeded | Refused | ActionRequired | Unknown

_WEB_ADDRESS: Final = re.compile(r"https?://[!-~]+")


def credible(verdict: Verdict, expected: Money) -> Verdict:
    """Return the verdict, or Unknown when it confirms another amount or currency than was asked for.

    Neither is an address believed that a browser would run instead of visiting, such as `javascript:`.
    """
    if isinstance(verdict, Succeeded) and verdict.money != expected:
        return Unknown("amount_mismatch")
    if isinstance(verdict, ActionRequired) and not _WEB_ADDRESS.fullmatch(verdict.redirect_url):
        return Unknown("redirect_invalid")
    return verdict


def next_state(
    purpose: Purpose,
    state: PaymentState,
    verdict: Verdict,
    *,
    void_requested: bool,
    capture_refused: bool = False,
) -> PaymentState | None:
    """Tell where a payment goes after an answer to the call its state waits for; None means it stays.

    A void may not be refused for good: the authorisation is given back or the question stays open. The void that
    follows a refused capture ends as a decline, unless the order asked for the void as well.
    """
    if IN_FLIGHT.get(state) is not purpose:
        return None
    if isinstance(verdict, Unknown):
        return S.OUTCOME_UNKNOWN if state is S.AUTHORIZING else None
    if isinstance(verdict, ActionRequired):
        return _after_challenge(purpose, state, void_requested=void_requested)
    if purpose is Purpose.AUTHORIZE:
        return _after_authorization(verdict, void_requested=void_requested)
    done = isinstance(verdict, Succeeded)
    if purpose is Purpose.CAPTURE:
        return S.CAPTURED if done else S.VOIDING
    declined = capture_refused and not void_requested
    return _after_void(done=done, declined=declined)


def _after_void(*, done: bool, declined: bool) -> PaymentState | None:
    if not done:
        return None
    return S.DECLINED if declined else S.VOIDED


def _after_challenge(
    purpose: Purpose, state: PaymentState, *, void_requested: bool
) -> PaymentState | None:
    if purpose is not Purpose.AUTHORIZE or state is S.REQUIRES_ACTION:
        return None
    return S.VOIDING if void_requested else S.REQUIRES_ACTION


def _after_authorization(verdict: Succeeded | Refused, *, void_requested: bool) -> PaymentState:
    if isinstance(verdict, Succeeded):
        return S.VOIDING if void_requested else S.AUTHORIZED
    return S.VOIDED if void_requested else S.DECLINED


def provider_key(payment_id: str, purpose: Purpose, refund_id: str | None = None) -> str:
    """Name the provider's idempotency key of a call; every repetition of the call uses the same."""
    return f"{payment_id}:{purpose}" if refund_id is None else f"{payment_id}:{purpose}:{refund_id}"


LONGEST_PAUSE_SECONDS: Final = 30


def pause_before_asking_again(attempts: int) -> int:
    """Return the seconds to wait after this many unanswered attempts: 1, 2, 4 ... 30."""
    return int(min(2 ** min(attempts - 1, 10), LONGEST_PAUSE_SECONDS))


class OperationState(StrEnum):
    """Where one call to the provider stands; the first three are asked about again."""

    INTENDED = "intended"
    UNKNOWN = "unknown"
    WAITING = "waiting"
    """The provider answered that the customer has to act first."""
    SUCCEEDED = "succeeded"
    REFUSED = "refused"


OPEN: Final = frozenset({OperationState.INTENDED, OperationState.UNKNOWN, OperationState.WAITING})
"""States of a call whose final answer is not recorded."""


class RefundState(StrEnum):
    """Where one refund stands."""

    REQUESTED = "requested"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
