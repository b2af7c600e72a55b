import asyncio
from typing import Any

import pytest

from libs.security.service_tokens import ServiceSigner
from tests.user.conftest import OTHER, USER, Headers, Running

ADDRESS: dict[str, Any] = {
    "recipient": "Ada Example",
    "line1": "12 Analytical Way",
    "city": "London",
    "postal_code": "N1 9GU",
    "country": "GB",
}


async def add(running: Running, headers: dict[str, str], **changes: object) -> dict[str, Any]:
    answer = await running.http.post(
        "/v1/me/addresses", json={**ADDRESS, **changes}, headers=headers
    )
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_profile_is_there_at_the_first_request(running: Running, headers: Headers) -> None:
    answer = await running.http.get("/v1/me", headers=headers())
    assert answer.status_code == 200
    assert answer.json()["display_name"] == "Ada"
    assert answer.json()["home_region"] == "us-east-1"
    assert answer.headers["cache-control"] == "private, no-store"


async def test_auth_is_asked_once_even_by_many_first_requests(
    running: Running, headers: Headers
) -> None:
    mine = headers()
    answers = await asyncio.gather(*(running.http.get("/v1/me", headers=mine) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    asked = running.auth.asked
    await running.http.get("/v1/me", headers=mine)
    assert running.auth.asked == asked


async def test_a_user_auth_does_not_know_has_no_profile(running: Running, headers: Headers) -> None:
    answer = await running.http.get("/v1/me", headers=headers("usr_" + "9" * 32))
    assert answer.status_code == 404
    assert answer.json()["code"] == "profile_not_found"


async def test_a_new_profile_waits_for_auth_and_says_so(running: Running, headers: Headers) -> None:
    running.auth.is_away = True
    answer = await running.http.get("/v1/me", headers=headers())
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


async def test_an_unchanged_profile_is_not_sent_again(running: Running, headers: Headers) -> None:
    first = await running.http.get("/v1/me", headers=headers())
    again = await running.http.get(
        "/v1/me", headers={**headers(), "If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == 304
    assert again.content == b""


async def test_a_patch_changes_what_was_sent_and_nothing_else(
    running: Running, headers: Headers
) -> None:
    before = (await running.http.get("/v1/me", headers=headers())).json()
    answer = await running.http.patch(
        "/v1/me",
        content=b'{"locale":"de-DE"}',
        headers={**headers(), "Content-Type": "application/merge-patch+json"},
    )
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert after["locale"] == "de-DE"
    assert after["version"] == before["version"] + 1
    assert after["display_name"] == before["display_name"]


async def test_a_stale_patch_is_refused(running: Running, headers: Headers) -> None:
    tag = (await running.http.get("/v1/me", headers=headers())).headers["etag"]
    merge = {**headers(), "Content-Type": "application/merge-patch+json", "If-Match": tag}
    first = await running.http.patch("/v1/me", content=b'{"currency":"EUR"}', headers=merge)
    second = await running.http.patch("/v1/me", content=b'{"currency":"INR"}', headers=merge)
    assert (first.status_code, second.status_code) == (200, 412)
    assert (await running.http.get("/v1/me", headers=headers())).json()["currency"] == "EUR"


@pytest.mark.parametrize(
    "body",
    [
        b'{"display_name":null}',
        b'{"display_name":""}',
        b'{"role":"admin"}',
        b'{"currency":"XXX"}',
        b"{}",
        b"[]",
        b'{"display_name":',
    ],
)
async def test_a_senseless_patch_is_refused_as_a_problem(
    running: Running, headers: Headers, body: bytes
) -> None:
    answer = await running.http.patch(
        "/v1/me",
        content=body,
        headers={**headers(), "Content-Type": "application/merge-patch+json"},
    )
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_first_address_becomes_the_default(running: Running, headers: Headers) -> None:
    mine = headers()
    first = await add(running, mine)
    second = await add(running, mine, line1="14 Analytical Way")
    assert (first["is_default"], second["is_default"]) == (True, False)


async def test_a_new_default_replaces_the_old_one(running: Running, headers: Headers) -> None:
    mine = headers()
    first = await add(running, mine)
    second = await add(running, mine, is_default=True)
    book = (await running.http.get("/v1/me/addresses", headers=mine)).json()["items"]
    assert [item["address_id"] for item in book] == [second["address_id"], first["address_id"]]
    assert [item["is_default"] for item in book] == [True, False]
    patched = await running.http.patch(
        f"/v1/me/addresses/{first['address_id']}",
        content=b'{"is_default":true,"line2":"Flat 2"}',
        headers={**mine, "Content-Type": "application/merge-patch+json"},
    )
    assert patched.json()["is_default"] is True
    assert patched.json()["line2"] == "Flat 2"
    left = (await running.http.get(f"/v1/me/addresses/{second['address_id']}", headers=mine)).json()
    assert left["is_default"] is False


async def test_somebody_elses_address_does_not_exist(running: Running, headers: Headers) -> None:
    address = await add(running, headers())
    path = f"/v1/me/addresses/{address['address_id']}"
    merge = {**headers(OTHER), "Content-Type": "application/merge-patch+json"}
    answers = [
        await running.http.get(path, headers=headers(OTHER)),
        await running.http.delete(path, headers=headers(OTHER)),
        await running.http.patch(path, content=b'{"city":"Paris"}', headers=merge),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert (await running.http.get(path, headers=headers())).json()["city"] == "London"


async def test_an_address_that_changed_meanwhile_is_not_forgotten(
    running: Running, headers: Headers
) -> None:
    path = f"/v1/me/addresses/{(await add(running, headers()))['address_id']}"
    stale = {**headers(), "If-Match": '"v1"'}
    await running.http.patch(path, json={"city": "Leeds"}, headers=headers())

    assert (await running.http.delete(path, headers=stale)).status_code == 412
    assert (await running.http.get(path, headers=headers())).json()["city"] == "Leeds"
    current = {**headers(), "If-Match": '"v2"'}
    assert (await running.http.delete(path, headers=current)).status_code == 204


async def test_a_deleted_address_is_gone(running: Running, headers: Headers) -> None:
    address = await add(running, headers())
    path = f"/v1/me/addresses/{address['address_id']}"
    assert (await running.http.delete(path, headers=headers())).status_code == 204
    assert (await running.http.delete(path, headers=headers())).status_code == 404


async def test_an_address_book_has_room_for_twenty(running: Running, headers: Headers) -> None:
    mine = headers()
    for number in range(20):
        await add(running, mine, line1=f"{number} Long Street")
    refused = await running.http.post("/v1/me/addresses", json=ADDRESS, headers=mine)
    assert refused.status_code == 409
    assert refused.json()["code"] == "too_many_addresses"


async def test_the_same_key_adds_one_address(running: Running, headers: Headers) -> None:
    keyed = {**headers(), "Idempotency-Key": "one-address"}
    first = await running.http.post("/v1/me/addresses", json=ADDRESS, headers=keyed)
    again = await running.http.post("/v1/me/addresses", json=ADDRESS, headers=keyed)
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    book = await running.http.get("/v1/me/addresses", headers=headers())
    assert len(book.json()["items"]) == 1


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("country", "gb"),
        ("country", "GBR"),
        ("recipient", ""),
        ("recipient", 5),
        ("postal_code", "!"),
        ("phone", "020 123"),
        ("line1", "x" * 201),
        ("owner", "usr_x"),
    ],
)
async def test_a_senseless_address_names_the_member_that_is_wrong(
    running: Running, headers: Headers, member: str, value: object
) -> None:
    answer = await running.http.post(
        "/v1/me/addresses", json={**ADDRESS, member: value}, headers=headers()
    )
    assert answer.status_code == 422
    assert f"/{member}" in [error["pointer"].removeprefix("#") for error in answer.json()["errors"]]


async def test_a_token_without_the_scope_is_refused(running: Running, headers: Headers) -> None:
    reader = headers(USER, "profile:read")
    assert (await running.http.get("/v1/me", headers=reader)).status_code == 200
    answer = await running.http.post("/v1/me/addresses", json=ADDRESS, headers=reader)
    assert answer.status_code == 403


async def test_nobody_reads_a_profile_without_a_token(running: Running) -> None:
    answer = await running.http.get("/v1/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_only_order_may_fetch_an_address_for_its_user(
    running: Running, headers: Headers, service_keys: Any
) -> None:
    address = await add(running, headers())
    path = f"/v1/me/addresses/{address['address_id']}"

    def calling(caller: str) -> dict[str, str]:
        signer = ServiceSigner(caller, service_keys / f"{caller}.key.json")
        return {**headers(), "Service-Authorization": f"Bearer {signer.token_for('user')}"}

    assert (await running.http.get(path, headers=calling("order"))).status_code == 200
    assert (await running.http.get(path, headers=calling("payment"))).status_code == 403
