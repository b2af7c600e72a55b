"""Which provider a process speaks to, whose book it compares with, and how each provider's webhooks are read."""

from typing import Final

import httpx
import stripe

from libs.clock import Clock
from services.payment.clients import simulator_events, stripe_events
from services.payment.clients.protocol import EventReaders, PaymentProvider, ProviderBook
from services.payment.clients.simulator import SimulatorProvider
from services.payment.clients.simulator_book import SimulatorBook
from services.payment.clients.stripe import StripeProvider
from services.payment.clients.stripe_book import StripeBook
from services.payment.clients.stripe_http import open_stripe
from services.payment.settings import PaymentSettings

EVENT_READERS: Final[EventReaders] = {
    "simulator": simulator_events.read_event,
    "stripe": stripe_events.read_event,
}

_BOOK_SECONDS: Final = 30.0
"""How long a page of the book may take; nobody waits for it."""


def open_provider(
    settings: PaymentSettings, http: httpx.AsyncClient, clock: Clock
) -> PaymentProvider:
    """Return the provider that `PAYMENT_PROVIDER` names."""
    seconds = settings.provider_timeout_seconds
    if settings.payment_provider == "stripe":
        client = _stripe(settings, http, seconds)
        return StripeProvider(client, timeout_seconds=seconds, clock=clock)
    return SimulatorProvider(
        http,
        base_url=settings.given("provider_base_url"),
        api_key=settings.given("provider_api_key"),
        timeout_seconds=seconds,
    )


def open_book(settings: PaymentSettings, http: httpx.AsyncClient) -> ProviderBook:
    """Return the book of the provider that `PAYMENT_PROVIDER` names."""
    if settings.payment_provider == "stripe":
        client = _stripe(settings, http, _BOOK_SECONDS)
        return StripeBook(client, timeout_seconds=_BOOK_SECONDS)
    return SimulatorBook(
        http,
        base_url=settings.given("provider_base_url"),
        api_key=settings.given("provider_api_key"),
        timeout_seconds=_BOOK_SECONDS,
    )


def _stripe(
    settings: PaymentSettings, http: httpx.AsyncClient, seconds: float
) -> stripe.StripeClient:
    return open_stripe(
        http,
        api_key=settings.given("stripe_api_key"),
        base_url=settings.stripe_api_base_url,
        timeout_seconds=seconds,
    )
