"""Stripe's library over the process's own HTTP client: one pool, one way to time out, no retries of its own."""

from collections.abc import Mapping

import httpx
import stripe
from typing_extensions import override

API_VERSION = "2026-10-28.endive"
"""The version our readers were written for; raising it is a change of code, not of the account's settings."""


class SharedHttp(stripe.HTTPClient):
    """Sends what the library asks for. Whatever goes wrong on the way is `APIConnectionError`."""

    name = "httpx"

    def __init__(self, http: httpx.AsyncClient, *, timeout_seconds: float) -> None:
        super().__init__()
        self._http = http
        self._timeout_seconds = timeout_seconds

    @override
    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            answer = await self._http.request(
                method, url, headers=headers, content=post_data, timeout=self._timeout_seconds
            )
        except httpx.TimeoutException as error:
            raise _unanswered("timeout") from error
        except httpx.HTTPError as error:
            raise _unanswered(f"transport_{type(error).__name__}") from error
        return answer.content, answer.status_code, answer.headers


def _unanswered(reason: str) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(reason)  # type: ignore[no-untyped-call]  # untyped in the library


def open_stripe(
    http: httpx.AsyncClient, *, api_key: str, base_url: str, timeout_seconds: float
) -> stripe.StripeClient:
    """Return a client of its own: nothing of the library's global state but its telemetry switch is touched."""
    stripe.enable_telemetry = False  # it would report timings and keep an id in the home directory
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": base_url.rstrip("/")},
        stripe_version=API_VERSION,
        max_network_retries=0,  # an unanswered call is settlement's business, with its own pauses
        http_client=SharedHttp(http, timeout_seconds=timeout_seconds),
    )
