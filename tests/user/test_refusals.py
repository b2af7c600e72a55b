"""What every service records of requests it refuses for who sent them, shown at this one."""

import json

from sqlalchemy import text

from libs.audit.log import ANONYMOUS
from tests.user.conftest import OTHER, USER, Headers, Running

ADDRESS = {
    "recipient": "Ada Lovelace",
    "line1": "1 Main Street",
    "city": "Springfield",
    "postal_code": "12345",
    "country": "US",
}


async def refusals(running: Running) -> list[tuple[str, str, int, str]]:
    await running.resources.refusals.flush()
    async with running.resources.database.transaction() as session:
        rows = await session.execute(
            text("SELECT * FROM audit_entries WHERE action = 'access.refused' ORDER BY position")
        )
        found = []
        for row in rows.mappings():
            assert len(row["origin"]) == 32, "the address is a hash"
            assert row["correlation_id"].startswith("req_")
            details = json.loads(row["details"])
            found.append((row["subject"], row["actor"], details["status"], details["code"]))
        return found


async def test_whoever_is_refused_is_recorded(running: Running, headers: Headers) -> None:
    await running.http.get("/v1/me")
    await running.http.get("/v1/me", headers=headers(scopes="cart:read"))
    created = await running.http.post("/v1/me/addresses", json=ADDRESS, headers=headers(USER))
    await running.http.get(created.headers["location"], headers=headers(OTHER))
    assert await refusals(running) == [
        ("get_profile", ANONYMOUS, 401, "authentication_required"),
        ("get_profile", USER, 403, "insufficient_scope"),
        ("get_address", OTHER, 404, "address_not_found"),
    ]


async def test_what_is_answered_and_what_is_not_there_for_anybody_is_not_recorded(
    running: Running, headers: Headers
) -> None:
    await running.http.get("/v1/me", headers=headers())
    await running.http.get("/nothing")
    assert await refusals(running) == []
