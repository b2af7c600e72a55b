"""The provider's webhooks: checked against the raw body, stored, acknowledged, and only then looked into."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC
from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from libs.clock import Clock
from libs.observability.logging import get_logger
from libs.observability.metrics import histogram
from services.payment.clients.protocol import EventReaders
from services.payment.domain.cases import Source
from services.payment.domain.notices import Irrelevant, Notice
from services.payment.domain.reconciliation import Break
from services.payment.domain.records import Operation, Payment, ProviderEvent, Work
from services.payment.domain.states import (
    OperationState,
    PaymentState,
    Purpose,
    Refused,
    Succeeded,
    Unknown,
    Verdict,
    credible,
    provider_key,
)
from services.payment.domain.suspicions import suspicion
from services.payment.errors import WebhookSignatureInvalid, WebhookUnreadable
from services.payment.repository.unit import Unit, Units
from services.payment.service.settlement import Settlement

log = get_logger(__name__)

_lag: Final = histogram(
    "payment_webhook_lag", description="Seconds from a webhook's storage to its effect"
)

TOLERANCE_SECONDS: Final = 300
_BATCH: Final = 50
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""A NUL character in JSON, which PostgreSQL can neither store nor compare."""


class _Envelope(BaseModel):
    """The part every event has, whatever its type."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    id: Annotated[str, Field(min_length=1, max_length=200)]
    type: Annotated[str, Field(min_length=1, max_length=200)]


def check_signature(header: str | None, body: bytes, secrets: Sequence[str], now: float) -> None:
    """Check `t=<seconds>,v1=<hex>`: HMAC-SHA256 over `<t>.<raw body>` with any live secret.

    Several `v1` may stand in one header while the provider changes its secret, as with Stripe.

    Raises:
        WebhookSignatureInvalid: missing, malformed, not ours, or more than 300 s from now.
    """
    parts = [part.strip().partition("=") for part in (header or "").split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or not signatures:
        raise WebhookSignatureInvalid("Sign as t=<seconds>,v1=<hex>.")
    payload = f"{times[0]}.".encode() + body
    expected = [hmac.new(one.encode(), payload, hashlib.sha256).hexdigest() for one in secrets]
    if not _any_equal(expected, signatures):
        raise WebhookSignatureInvalid("The signature does not match the body.")
    if abs(now - int(times[0][:15])) > TOLERANCE_SECONDS:
        raise WebhookSignatureInvalid(f"The timestamp is over {TOLERANCE_SECONDS} s from now.")


def _any_equal(expected: Sequence[str], given: Sequence[str]) -> bool:
    # Every pair is compared, so the time taken does not tell which one fits.
    matches = [hmac.compare_digest(e.encode(), g.encode()) for e in expected for g in given]
    return any(matches)


class WebhookInbox:
    """The synchronous half: an event that was acknowledged is in the database."""

    def __init__(self, unit: Unit, provider: str, secrets: Sequence[str], clock: Clock) -> None:
        self._unit = unit
        self._provider = provider
        self._secrets = secrets
        self._clock = clock

    async def receive(self, body: bytes, signature: str | None) -> None:
        """Check and store an event; one that was stored before is acknowledged again.

        Raises:
            WebhookSignatureInvalid: it does not come from the provider, or not now.
            WebhookUnreadable: it does, but is no event.
        """
        check_signature(signature, body, self._secrets, self._clock.now().timestamp())
        try:
            text = body.decode()
            envelope = _Envelope.model_validate_json(text)
        except (UnicodeDecodeError, ValidationError) as error:
            raise WebhookUnreadable("Send a JSON object with `id` and `type`.") from error
        if "\x00" in envelope.id + envelope.type:
            raise WebhookUnreadable("Send no NUL characters.")
        await self._unit.provider_events.store(
            provider=self._provider,
            provider_event_id=envelope.id,
            event_type=envelope.type,
            body=text,
        )


class WebhookProcessor:
    """The asynchronous half: applies stored events through the same door as the provider's answers."""

    def __init__(self, units: Units, settlement: Settlement, readers: EventReaders) -> None:
        self._units = units
        self._settlement = settlement
        self._readers = readers

    async def process_pending(self) -> int:
        """Process what is stored; returns how many events were looked at."""
        seen = last = 0
        while events := await self._units.run(partial(_pending, after=last)):
            for event in events:
                await self._process_safely(event)
            seen += len(events)
            last = events[-1].id
        return seen

    async def _process_safely(self, event: ProviderEvent) -> None:
        try:
            work = await self._units.run(partial(self._process, event=event))
            await self._settlement.carry_on(work)
        except Exception:
            # One event that cannot be applied stays pending and must not hold up the others.
            log.exception("provider_event_failed", provider_event_id=event.provider_event_id)

    async def _process(self, unit: Unit, *, event: ProviderEvent) -> Work | None:
        if _NUL.search(event.body):
            await _close(unit, event, "ignored", "holds NUL characters")
            return None
        notice = self._readers[event.provider](event.type, event.body)
        if isinstance(notice, Irrelevant):
            await _close(unit, event, "ignored", notice.reason)
            return None
        payment = await unit.payments.locked(notice.payment_id)
        if payment is None:
            await _close(unit, event, "ignored", "no such payment")
            return None
        return await self._apply(unit, event, notice, payment)

    async def _apply(
        self, unit: Unit, event: ProviderEvent, notice: Notice, payment: Payment
    ) -> Work | None:
        key = provider_key(payment.id, notice.purpose, notice.refund_id)
        operation = await unit.operations.get(key)
        state, note, verdict = _judged(notice, payment, operation)
        if not await _close(unit, event, state, note, payment.id):
            return None
        if note is not None:
            log.error(
                "provider_event_not_applied", provider_event_id=event.provider_event_id, note=note
            )
        if state == "rejected":
            await _report(unit, event, suspicion(notice, payment, operation))
        if verdict is None or operation is None:
            return None
        return await self._settlement.conclude(unit, payment, operation, verdict)


async def _close(
    unit: Unit, event: ProviderEvent, state: str, note: str | None, payment_id: str | None = None
) -> bool:
    waited = await unit.provider_events.close(event.id, state, note=note, payment_id=payment_id)
    if waited is None:
        return False
    _lag.record(waited, {"state": state})
    return True


async def _report(unit: Unit, event: ProviderEvent, found: Break | None) -> None:
    """Open a case at once: the daily comparison need not find what a webhook only claims."""
    if found is not None:
        day = event.received_at.astimezone(UTC).date()
        await unit.cases.report(found, provider=event.provider, source=Source.WEBHOOK, day=day)


async def _pending(unit: Unit, *, after: int) -> list[ProviderEvent]:
    return await unit.provider_events.pending(after=after, limit=_BATCH)


def _judged(
    notice: Notice, payment: Payment, operation: Operation | None
) -> tuple[str, str | None, Verdict | None]:
    """Decide what an event is worth: its new state, why it is not applied, and the answer it gives."""
    if operation is None:
        return "rejected", "we made no such call", None
    if notice.order_id != payment.order_id:
        return "rejected", "names another order", None
    verdict = credible(notice.verdict, operation.money)
    if isinstance(verdict, Unknown):
        return "rejected", verdict.reason, None
    if operation.is_open:
        return "applied", None, verdict
    if _contradicts(verdict, operation) and not _overtaken(payment, operation):
        return "rejected", "contradicts what was recorded", None
    return "repeated", None, None


def _overtaken(payment: Payment, operation: Operation) -> bool:
    """Tell whether an authorisation was given and its void begun before this word of it came; one that was refused was not."""
    voids = payment.state in {PaymentState.VOIDING, PaymentState.VOIDED}
    given_back = voids and payment.decline_reason is None
    return given_back and operation.purpose is Purpose.AUTHORIZE


def _contradicts(verdict: Verdict, operation: Operation) -> bool:
    """Tell whether the provider took back its word, as when a refund fails days after it was made."""
    recorded = operation.state
    return (isinstance(verdict, Refused) and recorded is OperationState.SUCCEEDED) or (
        isinstance(verdict, Succeeded) and recorded is OperationState.REFUSED
    )
