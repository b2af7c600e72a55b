"""Cases over HTTP: administrators list, take on and close them; nobody overwrites what somebody else did."""

from typing import Any

import httpx
import pytest

from libs.testing.tokens import TokenFactory
from tests.payment.conftest import Shop

PATHS = ["/v1/reconciliation/runs", "/v1/reconciliation/cases", "/v1/reconciliation/cases/rcc_1"]


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **more}


@pytest.fixture
async def cases(shop: Shop) -> None:
    for number, kind in enumerate(["amount", "state", "missing_here"]):
        await shop.admin.execute(
            "INSERT INTO reconciliation_cases (id, provider, kind, source, subject, day, order_id,"
            " ours, theirs, opened_at) VALUES ($1, 'simulator', $2, 'reconciliation', $1,"
            " '2026-01-31', $3, 'captured 1 USD', 'released 1 USD',"
            " now() - make_interval(days => 3 - $4))",
            f"rcc_{number}",
            kind,
            f"ord_{number}",
            number,
        )


@pytest.mark.parametrize("path", PATHS)
async def test_cases_need_an_administrator_with_a_live_session(
    client: httpx.AsyncClient, token_factory: TokenFactory, path: str
) -> None:
    assert (await client.get(path)).status_code == 401
    assert (await client.get(path, headers=bearer(token_factory()))).status_code == 403
    ended = bearer(token_factory.admin(session=False))
    assert (await client.get(path, headers=ended)).status_code == 401


async def listed(
    client: httpx.AsyncClient, headers: dict[str, str], path: str, **query: str
) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        given = {**query, "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(path, params=given, headers=headers)).json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


@pytest.mark.usefixtures("cases")
async def test_cases_are_listed_the_longest_open_first_and_by_filter(
    client: httpx.AsyncClient, token_factory: TokenFactory
) -> None:
    headers = bearer(token_factory.admin())
    everything = await listed(client, headers, "/v1/reconciliation/cases")
    assert [item["case_id"] for item in everything] == ["rcc_0", "rcc_1", "rcc_2"]
    assert everything[0]["age_seconds"] >= 3 * 86_400
    for query in ({"kind": "state"}, {"order_id": "ord_1"}):
        [one] = await listed(client, headers, "/v1/reconciliation/cases", **query)
        assert one["case_id"] == "rcc_1"
    assert not await listed(client, headers, "/v1/reconciliation/cases", status="resolved")
    wrong = await client.get(PATHS[1], params={"kind": "no_such"}, headers=headers)
    assert wrong.status_code == 422


@pytest.mark.usefixtures("cases")
async def test_a_case_is_taken_on_and_closed_and_its_history_tells(
    client: httpx.AsyncClient, token_factory: TokenFactory
) -> None:
    admin = token_factory.admin(subject="usr_admin")
    path = "/v1/reconciliation/cases/rcc_0"
    seen = await client.get(path, headers=bearer(admin))
    assigned = await client.post(
        f"{path}/assign",
        json={"owner": "usr_2", "note": "please look"},
        headers=bearer(admin, **{"If-Match": seen.headers["etag"]}),
    )
    assert assigned.status_code == 200
    assert (assigned.json()["case"]["status"], assigned.json()["case"]["owner"]) == (
        "assigned",
        "usr_2",
    )
    resolved = await client.post(
        f"{path}/resolve",
        json={"note": "corrected by led_1"},
        headers=bearer(admin, **{"If-Match": assigned.headers["etag"]}),
    )
    assert resolved.json()["case"]["status"] == "resolved"
    history = (await client.get(path, headers=bearer(admin))).json()["history"]
    assert [(line["change"], line["actor"], line["note"]) for line in history] == [
        ("assigned", "usr_admin", "please look"),
        ("resolved", "usr_admin", "corrected by led_1"),
    ]
    late = await client.post(
        f"{path}/assign",
        json={"owner": "usr_2"},
        headers=bearer(admin, **{"If-Match": resolved.headers["etag"]}),
    )
    assert (late.status_code, late.json()["code"]) == (409, "case_already_resolved")


@pytest.mark.usefixtures("cases")
@pytest.mark.parametrize(
    ("action", "body"), [("assign", {"owner": "usr_2"}), ("resolve", {"note": "done"})]
)
async def test_a_change_names_the_version_it_saw(
    client: httpx.AsyncClient, token_factory: TokenFactory, action: str, body: dict[str, str]
) -> None:
    headers = bearer(token_factory.admin())
    path = f"/v1/reconciliation/cases/rcc_0/{action}"
    assert (await client.post(path, json=body, headers=headers)).status_code == 428
    stale = await client.post(path, json=body, headers=headers | {"If-Match": '"v7"'})
    assert stale.status_code == 412
    missing = f"/v1/reconciliation/cases/rcc_none/{action}"
    unknown = await client.post(missing, json=body, headers=headers | {"If-Match": '"v1"'})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "case_not_found")


async def test_runs_are_listed_the_newest_first(
    client: httpx.AsyncClient, token_factory: TokenFactory, shop: Shop
) -> None:
    for number in range(3):
        await shop.admin.execute(
            "INSERT INTO reconciliation_runs (id, provider, day, state, lease_until, started_at)"
            " VALUES ($1, 'simulator', '2026-01-31', 'succeeded', now(),"
            " now() + make_interval(days => $2))",
            f"rcr_{number}",
            number,
        )
    headers = bearer(token_factory.admin())
    runs = await listed(client, headers, "/v1/reconciliation/runs")
    assert [run["run_id"] for run in runs] == ["rcr_2", "rcr_1", "rcr_0"]


@pytest.mark.usefixtures("cases")
async def test_the_history_of_a_case_cannot_be_rewritten(shop: Shop) -> None:
    await shop.admin.execute(
        "INSERT INTO reconciliation_case_changes (case_id, change, actor)"
        " VALUES ('rcc_0', 'opened', 'reconciliation')"
    )
    for statement in (
        "UPDATE reconciliation_case_changes SET actor = 'nobody'",
        "DELETE FROM reconciliation_case_changes",
    ):
        with pytest.raises(Exception, match="append-only"):
            await shop.admin.execute(statement)
