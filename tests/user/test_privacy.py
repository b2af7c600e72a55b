from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from libs.clock import utc_now
from libs.erasure.tombstones import bury
from libs.testing.tokens import TokenFactory
from services.user.domain.consents import DOCUMENTS
from tests.user.conftest import OTHER, USER, Headers, Running
from tests.user.test_erasure import asked, drive, sql
from tests.user.test_routes import add

VERSION = DOCUMENTS[0].current


async def requested(running: Running, headers: Headers) -> dict[str, Any]:
    answer = await running.http.post(
        "/v1/me/exports", headers={**headers(), "Idempotency-Key": "copy"}
    )
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def say(running: Running, headers: Headers, *said: tuple[str, str, bool]) -> httpx.Response:
    consents = [{"document": d, "version": v, "given": g} for d, v, g in said]
    return await running.http.put("/v1/me/consents", json={"consents": consents}, headers=headers())


async def test_a_copy_holds_what_every_service_knows(running: Running, headers: Headers) -> None:
    address = await add(running, headers())
    await say(running, headers, ("terms", VERSION, True))
    export = await requested(running, headers)
    answer = await running.http.get(export["href"], headers=headers())
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-store"
    document = answer.json()
    assert document["format"] == "meridian-personal-data/1"
    assert set(document["services"]) == {"user", "auth", "cart", "order", "payment"}
    own = document["services"]["user"]["tables"]
    assert [row["display_name"] for row in own["profiles"]] == ["Ada"]
    assert [row["id"] for row in own["addresses"]] == [address["address_id"]]
    assert [row["document"] for row in own["consents"]] == ["terms"]
    assert document["services"]["cart"]["tables"]["carts"][0]["user_id"] == USER


async def test_a_copy_is_handed_to_its_owner_alone_and_for_a_day(
    running: Running, headers: Headers
) -> None:
    export = await requested(running, headers)
    theirs = await running.http.get(export["href"], headers=headers(OTHER))
    assert (theirs.status_code, theirs.json()["code"]) == (404, "export_not_found")
    await sql(running, "UPDATE data_exports SET expires_at = now() RETURNING id")
    late = await running.http.get(export["href"], headers=headers())
    assert (late.status_code, late.json()["code"]) == (410, "export_expired")


async def test_a_copy_is_asked_for_by_somebody_who_just_proved_who_they_are(
    running: Running, token_factory: TokenFactory
) -> None:
    token = token_factory(subject=USER, auth_time=int(utc_now().timestamp()) - 301)
    answer = await running.http.post(
        "/v1/me/exports", headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "copy"}
    )
    assert answer.status_code == 401


async def test_a_copy_that_would_lack_something_is_none(running: Running, headers: Headers) -> None:
    export = await requested(running, headers)
    running.auth.is_away = True
    answer = await running.http.get(export["href"], headers=headers())
    assert answer.status_code == 503


async def test_consents_are_asked_per_version_and_their_history_is_kept(
    running: Running, headers: Headers
) -> None:
    before = (await running.http.get("/v1/me/consents", headers=headers())).json()
    assert {one["document"]: one["given"] for one in before["documents"]} == {
        "terms": False,
        "privacy": False,
        "marketing": False,
    }
    for given in (True, True, False):
        answer = await say(running, headers, ("marketing", VERSION, given))
        assert answer.status_code == 200, answer.text
    after = (await running.http.get("/v1/me/consents", headers=headers())).json()
    assert [one["given"] for one in after["history"]] == [True, False]
    marketing = next(one for one in after["documents"] if one["document"] == "marketing")
    assert (marketing["given"], marketing["version"]) == (False, VERSION)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (("terms", VERSION, False), "consent_required"),
        (("terms", "1999-01-01", True), "document_unknown"),
        (("newsletter", VERSION, True), "document_unknown"),
    ],
)
async def test_what_cannot_be_said_is_refused(
    running: Running, headers: Headers, said: tuple[str, str, bool], code: str
) -> None:
    answer = await say(running, headers, ("marketing", VERSION, True), said)
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert await sql(running, "SELECT count(*) FROM consents") == [0]


async def test_nothing_is_said_for_somebody_who_is_being_forgotten(
    running: Running, headers: Headers
) -> None:
    await running.http.get("/v1/me", headers=headers())
    async with running.resources.database.transaction() as session:
        await bury(session, USER, "era_1")
    answer = await say(running, headers, ("marketing", VERSION, True))
    assert (answer.status_code, answer.json()["code"]) == (410, "account_erased")


async def test_an_application_says_nothing_in_a_persons_name(
    running: Running, headers: Headers
) -> None:
    def of_an_application() -> dict[str, str]:
        return headers(scopes="profile:read profile:write")

    answer = await say(running, of_an_application, ("marketing", VERSION, True))
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize("change", ["UPDATE consents SET given = true", "DELETE FROM consents"])
async def test_nobody_can_change_what_was_said(running: Running, change: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with running.resources.database.transaction() as session:
            await session.execute(text(change))


async def test_what_somebody_agreed_to_is_kept_as_proof_and_their_copies_are_not(
    running: Running, headers: Headers
) -> None:
    await say(running, headers, ("terms", VERSION, True))
    await requested(running, headers)
    await asked(running, headers)
    await drive(running)
    assert await sql(running, "SELECT count(*) FROM consents") == [1]
    assert await sql(running, "SELECT count(*) FROM data_exports") == [0]
