"""Which provider a process speaks to, and how each provider's webhooks are read."""

from typing import Final

import httpx

from libs.clock import Clock
from services.payment.clients import simulator_events, stripe_events
from services.payment.clients.protocol import EventReaders, PaymentProvider
from services.payment.clients.simulator import SimulatorProvider
from services.payment.clients.stripe import StripeProvider
from services.payment.clients.stripe_http import open_stripe
from services.payment.settings import PaymentSettings

EVENT_READERS: Final[EventReaders] = {
    "simulator": simulator_events.read_event,
    "stripe": stripe_events.read_event,
}


def open_provider(
    settings: PaymentSettings, http: httpx.AsyncClient, clock: Clock
) -> PaymentProvider:
    """Return the provider that `PAYMENT_PROVIDER` names."""
    seconds = settings.provider_timeout_seconds
    if settings.payment_provider == "stripe":
        client = open_stripe(
            http,
            api_key=settings.given("stripe_api_key"),
            base_url=settings.stripe_api_base_url,
            timeout_seconds=seconds,
        )
        return StripeProvider(client, timeout_seconds=seconds, clock=clock)
    return SimulatorProvider(
        http,
        base_url=settings.given("provider_base_url"),
        api_key=settings.given("provider_api_key"),
        timeout_seconds=seconds,
    )
