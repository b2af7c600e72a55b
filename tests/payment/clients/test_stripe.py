"""What is Stripe's own: its amounts, its challenges, what it remembers, and how it fails."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from libs.clock import SystemClock, utc_now
from libs.money import Money
from libs.testing.servers import free_port
from libs.testing.waiting import FrozenClock
from services.payment.clients.stripe import KEY_LIFETIME, StripeProvider
from services.payment.clients.stripe_amounts import from_stripe, to_stripe
from services.payment.clients.stripe_http import API_VERSION, open_stripe
from services.payment.domain.records import Work
from services.payment.domain.states import (
    ActionRequired,
    Purpose,
    Refused,
    Succeeded,
    Unknown,
    Verdict,
)
from tests.payment.clients.conftest import MONEY, again, asked_for, following, stripe_provider
from tests.payment.stripe_stand_in.server import API_KEY, StandIn


@pytest.fixture
def stripe(stand_in: StandIn, http: httpx.AsyncClient) -> StripeProvider:
    return stripe_provider(stand_in, http)


def answering(status: int, body: bytes) -> StripeProvider:
    transport = httpx.MockTransport(lambda _request: httpx.Response(status, content=body))
    client = open_stripe(
        httpx.AsyncClient(transport=transport), api_key="k", base_url="http://s", timeout_seconds=1
    )
    return StripeProvider(client, timeout_seconds=1, clock=SystemClock())


@pytest.mark.parametrize(
    ("money", "counted"),
    [
        (Money(1050, "USD"), 1050),
        (Money(500, "JPY"), 500),
        (Money(5120, "KWD"), 5120),
        (Money(5124, "KWD"), None),
    ],
)
def test_stripe_counts_in_minor_units_and_takes_three_decimals_in_tens(
    money: Money, counted: int | None
) -> None:
    assert to_stripe(money) == counted
    if counted is not None:
        assert from_stripe(counted, money.currency.lower()) == money


def test_a_currency_nobody_sells_in_is_no_amount_of_ours() -> None:
    assert from_stripe(100, "isk") is None


async def test_an_amount_stripe_cannot_charge_is_refused_without_asking(
    stripe: StripeProvider, stand_in: StandIn
) -> None:
    work = asked_for("tok_ok", Money(5124, "KWD"))
    assert await stripe.authorize(work) == Refused("amount_not_chargeable")
    referenced = following(work, Purpose.REFUND, reference="pi_1", refund_id="rfd_1")
    assert await stripe.refund(referenced) == Refused("amount_not_chargeable")
    assert await stripe.capture(referenced) == Refused("amount_not_chargeable")
    assert stand_in.book.requests == []


async def test_every_call_is_pinned_signed_in_and_made_once(
    stripe: StripeProvider, stand_in: StandIn
) -> None:
    work = asked_for("tok_error_after_charge")
    await stripe.authorize(work)
    [(method, path, headers)] = stand_in.book.requests
    assert (method, path) == ("POST", "/v1/payment_intents")
    assert headers["authorization"] == f"Bearer {API_KEY}"
    assert headers["stripe-version"] == API_VERSION
    assert headers["idempotency-key"] == work.operation.key
    assert "x-stripe-client-telemetry" not in headers
    assert "platform" not in headers["x-stripe-client-user-agent"]


async def challenged(stripe: StripeProvider, stand_in: StandIn, token: str) -> Work:
    work = asked_for(token)
    verdict = await stripe.authorize(work)
    assert isinstance(verdict, ActionRequired)
    assert verdict.redirect_url == f"{stand_in.book.base_url}/challenge/{verdict.reference}"
    return following(work, reference=verdict.reference)


async def test_a_challenge_sends_the_customer_away_and_waits(
    stripe: StripeProvider, stand_in: StandIn
) -> None:
    work = await challenged(stripe, stand_in, "tok_3ds")
    [intent] = stand_in.book.intents.values()
    assert intent["next_action"]["redirect_to_url"]["return_url"] == work.payment.return_url
    assert isinstance(await stripe.find_by_key(work), ActionRequired)
    stand_in.book.confirm(work.payment.provider_reference or "")
    passed = Succeeded(work.payment.provider_reference or "", MONEY)
    assert await stripe.find_by_key(work) == passed
    assert await stripe.authorize(work) == passed, "the remembered answer is older than the visit"


async def test_a_failed_challenge_is_a_decline(stripe: StripeProvider, stand_in: StandIn) -> None:
    work = await challenged(stripe, stand_in, "tok_3ds_decline")
    stand_in.book.confirm(work.payment.provider_reference or "")
    verdict = await stripe.find_by_key(work)
    assert verdict == Refused("payment_intent_authentication_failure")


async def test_a_challenge_nobody_answers_is_given_up(
    stripe: StripeProvider, stand_in: StandIn
) -> None:
    work = await challenged(stripe, stand_in, "tok_3ds")
    reference = work.payment.provider_reference
    void = following(work, Purpose.VOID, reference=reference)
    assert await stripe.find_by_key(void) is None
    assert isinstance(await stripe.void(void), Succeeded)
    assert await stripe.find_by_key(work) == Refused("payment_intent_canceled")


async def test_a_challenge_without_a_page_to_visit_is_unknown(
    stripe: StripeProvider, stand_in: StandIn
) -> None:
    work = await challenged(stripe, stand_in, "tok_3ds")
    stand_in.book.intents[work.payment.provider_reference or ""]["next_action"] = {
        "type": "use_stripe_sdk"
    }
    assert await stripe.find_by_key(work) == Unknown("action_unsupported")


async def test_after_its_key_is_forgotten_a_charge_is_looked_for_in_the_list(
    stand_in: StandIn, http: httpx.AsyncClient
) -> None:
    stripe = stripe_provider(stand_in, http)
    work = asked_for("tok_ok")
    for _ in range(120):  # more than a page
        await stripe.authorize(asked_for("tok_ok"))
    placed = await stripe.authorize(work)
    for _ in range(120):
        await stripe.authorize(asked_for("tok_ok"))
    stand_in.book.keys.clear()
    client = open_stripe(http, api_key=API_KEY, base_url=stand_in.book.base_url, timeout_seconds=10)
    clock = FrozenClock(utc_now() + KEY_LIFETIME + timedelta(minutes=1))
    late = StripeProvider(client, timeout_seconds=10, clock=clock)
    assert await late.find_by_key(again(work)) == placed
    assert await late.find_by_key(asked_for("tok_ok")) is None
    assert await stripe.find_by_key(again(work)) is None, "a living key is asked by repeating it"


async def test_a_pending_refund_is_asked_about_until_stripe_knows(
    stripe: StripeProvider, stand_in: StandIn
) -> None:
    work = asked_for("tok_pending_refund")
    verdict = await stripe.authorize(work)
    assert isinstance(verdict, Succeeded)
    capture = following(work, Purpose.CAPTURE, reference=verdict.reference)
    await stripe.capture(capture)
    refund = following(work, Purpose.REFUND, reference=verdict.reference, refund_id="rfd_1")
    assert await stripe.refund(refund) == Unknown("refund_pending")
    [row] = stand_in.book.refunds.values()
    row["status"] = "succeeded"
    assert await stripe.find_by_key(refund) == Succeeded(row["id"], MONEY)
    assert await stripe.refund(refund) == Succeeded(row["id"], MONEY)
    row.update(status="failed", failure_reason="lost_or_stolen_card")
    assert await stripe.find_by_key(refund) == Refused("lost_or_stolen_card")


async def test_what_somebody_else_did_to_the_intent_answers_the_call(
    stripe: StripeProvider, stand_in: StandIn
) -> None:
    work = asked_for("tok_ok")
    verdict = await stripe.authorize(work)
    assert isinstance(verdict, Succeeded)
    stand_in.book.capture(stand_in.book.intents[verdict.reference], {})
    capture = following(work, Purpose.CAPTURE, reference=verdict.reference)
    assert await stripe.capture(capture) == Succeeded(verdict.reference, MONEY)
    void = following(work, Purpose.VOID, reference=verdict.reference)
    assert await stripe.void(void) == Unknown("intent_succeeded")


async def test_a_call_without_the_intent_it_is_about_is_not_made(
    stripe: StripeProvider, stand_in: StandIn
) -> None:
    assert await stripe.capture(following(asked_for("tok_ok"), Purpose.CAPTURE)) == Unknown(
        "reference_missing"
    )
    assert stand_in.book.requests == []


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"{}", Unknown("answer_unreadable")),
        (200, b"<html>", Unknown("answer_unreadable")),
        (200, b'{"object": "payment_intent", "id": 7}', Unknown("answer_unreadable")),
        (
            400,
            b'{"error": {"type": "invalid_request_error", "code": "resource_missing"}}',
            Refused("resource_missing"),
        ),
        (401, b'{"error": {"type": "invalid_request_error"}}', Unknown("http_401")),
        (
            402,
            b'{"error": {"type": "card_error", "code": "expired_card"}}',
            Refused("expired_card"),
        ),
        (403, b'{"error": {}}', Unknown("http_403")),
        (404, b'{"error": {"type": "invalid_request_error"}}', Unknown("http_404")),
        (409, b'{"error": {"code": "idempotency_key_in_use"}}', Unknown("http_409")),
        (429, b'{"error": {"code": "rate_limit"}}', Unknown("http_429")),
        (500, b'{"error": {"type": "api_error"}}', Unknown("http_500")),
        (503, b"busy", Unknown("http_503")),
    ],
)
async def test_only_stripes_own_words_are_final(
    status: int, body: bytes, expected: Verdict
) -> None:
    assert await answering(status, body).authorize(asked_for("tok_ok")) == expected


async def test_a_refused_or_reset_connection_is_unknown(http: httpx.AsyncClient) -> None:
    async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    resetting = server.sockets[0].getsockname()[1]
    for port in (resetting, free_port()):
        client = open_stripe(
            http, api_key="k", base_url=f"http://127.0.0.1:{port}", timeout_seconds=5
        )
        stripe = StripeProvider(client, timeout_seconds=5, clock=SystemClock())
        verdict = await stripe.authorize(asked_for("tok_ok"))
        assert isinstance(verdict, Unknown)
        assert verdict.reason.startswith("transport_")
    server.close()


async def test_a_lost_answer_stays_unknown_when_nothing_was_charged(
    stripe: StripeProvider, stand_in: StandIn
) -> None:
    work = asked_for("tok_error_after_charge")
    await stripe.authorize(work)
    stand_in.book.intents.clear()
    assert await stripe.authorize(replace(work)) == Unknown("http_500")
