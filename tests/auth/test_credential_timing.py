"""Asked side by side, known and unknown addresses take alike long: a ratio, whatever the machine is busy with."""

import math
import statistics
import time
from collections.abc import Awaitable, Callable

import httpx
import pytest

from libs.testing.scale import trials
from tests.auth.conftest import PASSWORD, StartAuth, log_in, register

Ask = Callable[[httpx.AsyncClient, str], Awaitable[httpx.Response]]
GENEROUS = 1_000_000
ALIKE_SECONDS = 0.005
"""What nobody can tell apart over a network; a busy machine's scatter is allowed for besides."""


async def fail_to_log_in(client: httpx.AsyncClient, email: str) -> httpx.Response:
    return await log_in(client, email, "incorrect horse battery")


async def forget(client: httpx.AsyncClient, email: str) -> httpx.Response:
    return await client.post("/v1/auth/password/forgot", json={"email": email})


async def join(client: httpx.AsyncClient, email: str) -> httpx.Response:
    body = {"email": email, "password": PASSWORD, "display_name": "Ada"}
    return await client.post("/v1/auth/register", json=body)


@pytest.mark.parametrize("ask", [fail_to_log_in, forget, join])
async def test_nobody_learns_from_the_time_an_answer_takes(start_auth: StartAuth, ask: Ask) -> None:
    open_shop = {
        "login_attempts_per_address": GENEROUS,
        "login_failures_per_account": GENEROUS,
        "registrations_per_address": GENEROUS,
        "mails_per_account": GENEROUS,
    }
    person = await register(await start_auth(**open_shop))
    client = await start_auth(registration="verified", **open_shop)

    async def seconds(email: str) -> float:
        began = time.perf_counter()
        await ask(client, email)
        return time.perf_counter() - began

    known, unknown = [], []
    for number in range(trials(12, 500)):  # interleaved, so that the machine's moods hit both
        known.append(await seconds(person.email))
        unknown.append(await seconds(f"nobody-{number}@example.com"))
    ratio = statistics.median(known) / statistics.median(unknown)
    # Absolute times belong to the machine; without the same work the ratio would be far from one.
    assert 0.5 < ratio < 2
    difference = abs(statistics.median(known) - statistics.median(unknown))
    assert difference < ALIKE_SECONDS + 4 * (error_of_median(known) + error_of_median(unknown))


def error_of_median(seconds: list[float]) -> float:
    """Return how far chance may take the median of so many values that scatter like these."""
    middle = statistics.median(seconds)
    scatter = 1.4826 * statistics.median(abs(one - middle) for one in seconds)
    return 1.2533 * scatter / math.sqrt(len(seconds))
