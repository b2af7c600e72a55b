"""3-D Secure: the customer is asked, and whatever they do, or do not do, the payment comes to an end."""

from typing import Any

import httpx
import pytest
from typing_extensions import override

from libs.ids import new_id
from libs.messaging.handlers import TooEarly
from services.payment.clients.protocol import PaymentProvider
from services.payment.domain.records import Work
from services.payment.domain.states import Purpose, Unknown, Verdict
from tests.payment.conftest import Shop
from tests.payment.service.faulty import CrashError, FaultyProvider
from tests.payment.service.test_webhooks import event_body, receive, stored

TOKEN = "tok_3ds_required"
SHOP_URL = "http://localhost:8080/orders/1"


async def challenged(shop: Shop, provider: PaymentProvider | None = None) -> str:
    return await shop.authorize(TOKEN, return_url=SHOP_URL, provider=provider)


async def decide(shop: Shop, order_id: str, decision: str) -> httpx.Response:
    """Do what the customer does on the bank's page."""
    payment = await shop.payment(order_id)
    return await shop.book.post(payment["redirect_url"], data={"decision": decision})


async def charge_of(shop: Shop, order_id: str) -> dict[str, Any]:
    [charge] = await shop.charges(order_id)
    return charge


async def test_the_order_is_told_where_the_customer_confirms(shop: Shop) -> None:
    order_id = await challenged(shop)
    payment = await shop.payment(order_id)
    assert (payment["state"], payment["return_url"]) == ("requires_action", SHOP_URL)
    envelope = await shop.admin.fetchval("SELECT envelope::jsonb ->> 'data' FROM outbox_messages")
    assert payment["redirect_url"] in envelope
    page = await shop.book.get(payment["redirect_url"])
    assert (page.status_code, "10.00 USD" in page.text) == (200, True)


@pytest.mark.parametrize(
    ("decision", "state", "reason"),
    [("confirm", "authorized", None), ("refuse", "declined", "authentication_failed")],
)
async def test_the_customers_decision_is_learnt_by_webhook_or_by_asking(
    shop: Shop, decision: str, state: str, reason: str | None
) -> None:
    by_webhook, by_query = await challenged(shop), await challenged(shop)
    for order_id in (by_webhook, by_query):
        answer = await decide(shop, order_id, decision)
        assert (answer.status_code, answer.headers["location"]) == (303, SHOP_URL)
    charge = await charge_of(shop, by_webhook)
    await receive(shop, event_body(f"charge.{charge['status']}", charge))
    await shop.webhooks().process_pending()
    assert await shop.state(by_query) == "requires_action"
    await shop.settle()
    for order_id in (by_webhook, by_query):
        payment = await shop.payment(order_id)
        assert (payment["state"], payment["decline_reason"]) == (state, reason)
        assert await shop.events(order_id) == ["action_required", state]


async def test_a_confirmed_payment_is_captured_and_refunded_like_any_other(shop: Shop) -> None:
    order_id = await challenged(shop)
    with pytest.raises(TooEarly):
        await shop.capture(order_id)
    with pytest.raises(TooEarly):
        await shop.refund(order_id, 1)
    await decide(shop, order_id, "confirm")
    await shop.settle()
    await shop.capture(order_id)
    await shop.refund(order_id, 400)
    assert await shop.balances() == {"provider_clearing": 600, "sales": -1000, "refunds": 400}


async def test_a_repeated_command_tells_again_what_the_customer_has_to_do(shop: Shop) -> None:
    order_id = await challenged(shop)
    await shop.authorize(TOKEN, order_id=order_id)
    assert await shop.events(order_id) == ["action_required", "action_required"]
    assert len(await shop.charges(order_id)) == 1


async def test_asking_while_the_customer_thinks_changes_and_tells_nothing(shop: Shop) -> None:
    order_id = await challenged(shop)
    before = (await shop.payment(order_id))["version"]
    for _ in range(3):
        await shop.settle()
    assert (await shop.payment(order_id))["version"] == before
    assert await shop.events(order_id) == ["action_required"]


@pytest.mark.parametrize("decision", [None, "confirm", "refuse"])
async def test_a_void_ends_a_payment_whose_customer_is_away_or_decides_meanwhile(
    shop: Shop, decision: str | None
) -> None:
    order_id = await challenged(shop)
    if decision is not None:
        await decide(shop, order_id, decision)
    await shop.void(order_id)
    await shop.settle()
    assert await shop.events(order_id) == ["action_required", "voided"]
    expected = "declined" if decision == "refuse" else "voided"
    assert (await charge_of(shop, order_id))["status"] == expected
    assert await shop.admin.fetchval(
        "SELECT count(*) = 0 FROM provider_operations WHERE state NOT IN ('succeeded', 'refused')"
    )


async def test_a_confirmation_after_the_void_changes_nothing(shop: Shop) -> None:
    order_id = await challenged(shop)
    await shop.void(order_id)
    await decide(shop, order_id, "confirm")
    charge = await charge_of(shop, order_id)
    assert charge["status"] == "voided"
    await receive(shop, event_body("charge.authorized", {**charge, "status": "authorized"}))
    await shop.webhooks().process_pending()
    assert await stored(shop) == [("repeated", None)]
    assert await shop.state(order_id) == "voided"


async def test_a_void_before_the_challenge_is_known_ends_it_unasked(shop: Shop) -> None:
    faulty = FaultyProvider(shop.provider, crash_after={Purpose.AUTHORIZE})
    order_id = new_id("ord")
    with pytest.raises(CrashError):
        await shop.authorize(TOKEN, order_id=order_id, provider=faulty)
    await shop.void(order_id)
    await shop.settle()
    assert await shop.events(order_id) == ["voided"]
    assert (await charge_of(shop, order_id))["status"] == "voided"


async def test_a_challenge_is_learnt_from_its_webhook_when_the_answer_is_lost(shop: Shop) -> None:
    faulty = FaultyProvider(shop.provider, crash_after={Purpose.AUTHORIZE})
    order_id = new_id("ord")
    with pytest.raises(CrashError):
        await shop.authorize(TOKEN, order_id=order_id, provider=faulty)
    charge = await charge_of(shop, order_id)
    for _ in range(2):
        await receive(shop, event_body("charge.requires_action", charge))
    await receive(shop, event_body("charge.requires_action", {**charge, "redirect_url": None}))
    await shop.webhooks().process_pending()
    assert await shop.events(order_id) == ["action_required"]
    assert [note for _, note in await stored(shop)][2] == "redirect_missing"


class Silent(FaultyProvider):
    """Gives no answer to questions."""

    @override
    async def find_by_key(self, work: Work) -> Verdict | None:
        return Unknown("timeout")


async def test_an_answer_that_is_lost_while_the_customer_thinks_is_asked_for_again(
    shop: Shop,
) -> None:
    order_id = await challenged(shop)

    await shop.admin.execute("UPDATE provider_operations SET next_attempt_at = now()")
    await shop.settlement(Silent(shop.provider)).settle_due()
    assert await shop.state(order_id) == "requires_action"
    assert await shop.admin.fetchval("SELECT last_error FROM provider_operations") == "timeout"
    await decide(shop, order_id, "confirm")
    await shop.settle()
    assert await shop.state(order_id) == "authorized"


async def test_a_confirmation_told_while_the_void_is_under_way_contradicts_nothing(
    shop: Shop,
) -> None:
    order_id = await challenged(shop)
    await decide(shop, order_id, "confirm")
    confirmed = await charge_of(shop, order_id)
    with pytest.raises(CrashError):
        await shop.void(
            order_id, provider=FaultyProvider(shop.provider, crash_after={Purpose.VOID})
        )
    assert await shop.state(order_id) == "voiding"
    await receive(shop, event_body("charge.authorized", confirmed))
    await shop.webhooks().process_pending()
    assert await stored(shop) == [("repeated", None)]
    assert await shop.admin.fetchval("SELECT count(*) FROM reconciliation_cases") == 0


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://bank.example/\r\nSet-Cookie: a=b", "//bank.example"]
)
async def test_a_customer_is_sent_to_no_address_that_is_not_of_the_web(
    shop: Shop, url: str
) -> None:
    order_id = await challenged(shop)
    before = await shop.payment(order_id)
    forged = {**await charge_of(shop, order_id), "redirect_url": url}
    await receive(shop, event_body("charge.requires_action", forged))
    await shop.webhooks().process_pending()
    assert await stored(shop) == [("rejected", "redirect_invalid")]
    assert (await shop.payment(order_id))["redirect_url"] == before["redirect_url"]
