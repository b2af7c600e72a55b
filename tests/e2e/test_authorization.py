"""Every operation of every service, called by every kind of caller: the whole table of who may call what."""

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest
import pytest_asyncio

from libs.security.errors import StaffSecondFactorRequired
from libs.security.principal import ACR_MFA
from libs.testing.waiting import eventually
from libs.topology import LOCAL_PORTS
from local.credentials import SERVICE_KEYS_FOLDER
from tests.architecture.authorization import Row, rows
from tests.e2e.authorization.callers import (
    CALLERS,
    STAFF_BY_PASSWORD,
    Answer,
    People,
    headers_of,
    verdict_on,
)
from tests.e2e.authorization.issuing import Issuer, claims_of
from tests.e2e.authorization.world import ENDS_SESSIONS, World, made_in
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

_REFUSALS: Final = {Answer.UNKNOWN, Answer.FORBIDDEN, Answer.NOT_FOUND}


_READINGS: Final = {
    "auth": "list_sessions",
    "user": "get_profile",
    "product": "get_product",
    "cart": "get_current_cart",
    "order": "list_orders",
    "payment": "list_payments",
}
"""Something to read of each service that changes nothing."""


@dataclass(frozen=True)
class Shop:
    """A world, the people in it, and how they call."""

    stack: Stack
    http: httpx.AsyncClient
    world: World
    people: People

    async def knows_the_key(self) -> bool:
        """Tell whether every service takes our tokens: each asks auth for unknown keys, but not all the time."""
        table = {row[:2]: row[2] for row in rows()}
        asked = [await self.status("owner", *one, table[one]) for one in _READINGS.items()]
        return Answer.UNKNOWN not in asked

    async def status(self, caller: str, service: str, operation: str, row: Row) -> int:
        """Return what the caller gets."""
        return (await self.answer(caller, service, operation, row)).status_code

    async def answer(self, caller: str, service: str, operation: str, row: Row) -> httpx.Response:
        """Call the service itself, where no gateway stands before it; the body stays unread, for some never end."""
        world, people = self.world, self.people
        if verdict_on(caller, service, operation, row) is Answer.LET_IN:
            world = await world.made_again(operation)
            people = people_in(world, people.issuer, people.service_keys)
        method, path, body = world.request_for(service, operation)
        port = LOCAL_PORTS[service] + int(self.stack.environment["PORT_OFFSET"])
        headers = {
            "Idempotency-Key": secrets.token_hex(12),
            **headers_of(caller, service, row, people),
            **world.browser,
        }
        url = f"http://127.0.0.1:{port}{path}"
        async with self.http.stream(method, url, json=body, headers=headers) as answer:
            return answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(stack: Stack) -> AsyncIterator[Shop]:
    async with httpx.AsyncClient(base_url=stack.gateway, timeout=60, trust_env=False) as http:
        world = await made_in(stack, http)
        issuer = await Issuer.known_to(stack, http)
        keys = stack.home / "meridian" / "secrets" / SERVICE_KEYS_FOLDER
        made = Shop(stack, http, world, people_in(world, issuer, keys))
        await eventually(made.knows_the_key, timeout=60)
        yield made


def known_by(token: str) -> Mapping[str, object]:
    """Return what a token says, and that its bearer may also know who that is: applications ask for that."""
    claims = claims_of(token)
    return {**claims, "scope": f"{claims['scope']} openid"}


def people_in(world: World, issuer: Issuer, service_keys: Path) -> People:
    """Return who calls: everybody who is there, staff as if they had shown a second factor."""
    alice, bob, admin = (known_by(who.token) for who in (world.alice, world.bob, world.admin))
    proved = {**admin, "acr": ACR_MFA, "second_factor": True}
    return People(issuer, alice, bob, proved, service_keys)


def as_said(verdict: Answer, status: int, row: Row) -> bool:
    """Tell whether a status is what the table says; who is let in may still have asked for nonsense."""
    if verdict is not Answer.LET_IN:
        return status == verdict
    missing_is_fine = row.ownership in {"everybody", "self"}
    return status not in _REFUSALS or (missing_is_fine and status == Answer.NOT_FOUND)


@pytest.mark.parametrize(
    ("service", "operation", "row"),
    [
        pytest.param(*row, id="-".join(row[:2]))
        for row in sorted(rows(), key=lambda row: row[1] in ENDS_SESSIONS)
    ],
)
@pytest.mark.parametrize("let_in", [False, True], ids=["refused", "let_in"])
async def test_everybody_gets_what_the_table_says(
    shop: Shop, service: str, operation: str, row: Row, *, let_in: bool
) -> None:
    wrong: Mapping[str, int] = {
        f"{caller}: {verdict.name}": status
        for caller in CALLERS
        if ((verdict := verdict_on(caller, service, operation, row)) is Answer.LET_IN) is let_in
        if not as_said(verdict, status := await shop.status(caller, service, operation, row), row)
    }
    assert wrong == {}


async def test_staff_without_a_second_factor_are_asked_for_one_everywhere(shop: Shop) -> None:
    of_staff = [row for row in rows() if row[2].audience == "admin"]
    assert of_staff
    silent = []
    for service, operation, row in of_staff:
        refused = await shop.answer(STAFF_BY_PASSWORD, service, operation, row)
        challenge = refused.headers.get("WWW-Authenticate", "")
        if (refused.status_code, challenge) != (401, StaffSecondFactorRequired.challenge):
            silent.append((operation, refused.status_code, challenge))
    assert silent == []
