"""Stripe's book as the daily comparison reads it: what was made, taken and returned on a day, page by page."""

from datetime import timedelta

import httpx
import pytest

from libs.money import Money
from services.payment.clients.protocol import BookUnreadable
from services.payment.clients.stripe_book import StripeBook
from services.payment.clients.stripe_http import open_stripe
from services.payment.domain.reconciliation import Charge, Returned, Theirs
from services.payment.domain.records import Work
from services.payment.domain.states import Purpose, RefundState, Succeeded
from tests.payment.clients.conftest import asked_for, following, stripe_provider
from tests.payment.stripe_stand_in.server import API_KEY, StandIn

DAY_SECONDS = 86_400


@pytest.fixture
def book(stand_in: StandIn, http: httpx.AsyncClient) -> StripeBook:
    return book_of(stand_in, http)


def book_of(stand_in: StandIn, http: httpx.AsyncClient, api_key: str = API_KEY) -> StripeBook:
    client = open_stripe(http, api_key=api_key, base_url=stand_in.book.base_url, timeout_seconds=10)
    return StripeBook(client, timeout_seconds=10)


async def captured(stand_in: StandIn, http: httpx.AsyncClient, method: str = "tok_ok") -> Work:
    provider = stripe_provider(stand_in, http)
    work = asked_for(method, Money(5120, "KWD"))
    verdict = await provider.authorize(work)
    assert isinstance(verdict, Succeeded)
    await provider.capture(following(work, Purpose.CAPTURE, reference=verdict.reference))
    return following(work, Purpose.REFUND, reference=verdict.reference, refund_id="rfd_1")


async def test_a_days_intents_and_refunds_are_listed_in_our_words(
    book: StripeBook, stand_in: StandIn, http: httpx.AsyncClient
) -> None:
    provider = stripe_provider(stand_in, http)
    for token in ("tok_ok", "tok_decline", "tok_3ds"):
        await provider.authorize(asked_for(token))
    work = await captured(stand_in, http)
    await provider.refund(work)
    today = stand_in.book.now.date()
    movements = [movement async for movement in book.movements(today)]
    charges = [one for one in movements if isinstance(one, Charge)]
    assert sorted(one.state for one in charges) == [
        Theirs.DECLINED,
        Theirs.OPEN,
        Theirs.RESERVED,
        Theirs.TAKEN,
    ]
    [taken] = [one for one in charges if one.state is Theirs.TAKEN]
    assert (taken.payment_id, taken.amount_minor, taken.taken_minor, taken.currency) == (
        work.payment.id,
        5120,
        5120,
        "KWD",
    )
    [refund] = [one for one in movements if isinstance(one, Returned)]
    assert (refund.refund_id, refund.state) == ("rfd_1", RefundState.SUCCEEDED)
    assert await book.refunds_of(taken.reference) == [refund]
    assert not [one async for one in book.movements(today - timedelta(days=1))]


async def test_what_was_authorised_earlier_is_listed_on_the_day_it_is_taken(
    book: StripeBook, stand_in: StandIn, http: httpx.AsyncClient
) -> None:
    work = await captured(stand_in, http)
    reference = work.payment.provider_reference or ""
    stand_in.book.intents[reference]["created"] -= DAY_SECONDS
    today = stand_in.book.now.date()
    for day in (today - timedelta(days=1), today):
        [charge] = [one async for one in book.movements(day)]
        assert isinstance(charge, Charge)
        assert (charge.reference, charge.state) == (reference, Theirs.TAKEN)


async def test_a_day_may_have_many_pages(
    book: StripeBook, stand_in: StandIn, http: httpx.AsyncClient
) -> None:
    provider = stripe_provider(stand_in, http)
    for _ in range(230):
        await provider.authorize(asked_for("tok_ok"))
    listed = [one.reference async for one in book.movements(stand_in.book.now.date())]
    assert len(listed) == len(set(listed)) == 230


async def test_a_charge_stripe_does_not_have_is_none(book: StripeBook) -> None:
    assert await book.charge("pi_none") is None


async def test_a_book_that_is_not_shown_is_said_to_be_unreadable(
    stand_in: StandIn, http: httpx.AsyncClient, book: StripeBook
) -> None:
    with pytest.raises(BookUnreadable):
        await book_of(stand_in, http, "wrong").charge("pi_1")
    stand_in.book.intents["pi_1"] = {"id": "pi_1", "object": "payment_intent"}
    with pytest.raises(BookUnreadable):
        await book.charge("pi_1")
