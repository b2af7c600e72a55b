"""The background half as it is wired: its timers settle calls and apply webhooks."""

import json
from dataclasses import replace

import pytest

from libs.ids import new_id
from libs.runtime.resources import open_resources
from libs.testing.plugin import SettingsFor
from services.payment.domain.states import Purpose
from services.payment.settings import PaymentSettings
from services.payment.worker import worker_plan
from tests.payment.conftest import Shop
from tests.payment.service.faulty import CrashError, FaultyProvider
from tests.payment.service.test_webhooks import receive
from tests.simulator.processes import API_KEY, SimulatorProcess


async def test_the_timers_bring_open_calls_and_stored_webhooks_to_an_end(
    shop: Shop, settings_for: SettingsFor, simulator: SimulatorProcess
) -> None:
    order_id = new_id("ord")
    faulty = FaultyProvider(shop.provider, crash_after={Purpose.AUTHORIZE})
    with pytest.raises(CrashError):
        await shop.authorize("tok_ok", order_id=order_id, provider=faulty)
    await shop.admin.execute("UPDATE provider_operations SET next_attempt_at = now()")
    await receive(shop, json.dumps({"id": "evt_1", "type": "other"}).encode())
    settings = settings_for("payment", provider_base_url=simulator.url, provider_api_key=API_KEY)
    async with open_resources(settings) as resources:
        plan = worker_plan(resources)
        for timer in plan.timers:
            await timer.run()
    assert await shop.state(order_id) == "authorized"
    assert await shop.admin.fetchval("SELECT state FROM provider_events") == "ignored"


async def test_a_lease_outlasts_two_questions_to_the_provider(settings_for: SettingsFor) -> None:
    settings = settings_for("payment", provider_timeout_seconds=7)
    assert isinstance(settings, PaymentSettings)
    assert settings.lease_seconds > 2 * (settings.provider_wait_seconds + 7)
    async with open_resources(settings) as resources:
        foreign = replace(resources, settings=settings_for("product"))
        with pytest.raises(TypeError, match="PaymentSettings"):
            foreign.settings_as(PaymentSettings)
