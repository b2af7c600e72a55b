from sqlalchemy import text

from libs.contracts.user import ErasureRequested
from tests.cart.conftest import OTHER, USER, Headers, Running


async def count(running: Running, table: str) -> int:
    async with running.resources.database.transaction() as session:
        return int((await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())  # noqa: S608 - names above


async def forget(running: Running) -> None:
    await running.tell(ErasureRequested(user_id=USER, erasure_id="ers_1"), 1)


async def test_the_carts_of_somebody_forgotten_go_with_all_that_became_theirs(
    running: Running, headers: Headers
) -> None:
    guest = await running.open()
    await running.add(guest["cart_id"], {"Cart-Token": guest["guest_token"]})
    merged = await running.http.post(
        "/v1/carts/merge", json={"guest_token": guest["guest_token"]}, headers=headers()
    )
    assert merged.status_code == 200, merged.text
    await running.open(headers(OTHER))
    await forget(running)
    assert await count(running, "carts") == 1
    assert await count(running, "cart_lines") == 0


async def test_somebody_forgotten_gets_no_cart_from_a_token_that_still_lives(
    running: Running, headers: Headers
) -> None:
    await forget(running)
    answer = await running.http.post("/v1/carts", json={}, headers=headers())
    assert (answer.status_code, answer.json()["code"]) == (410, "account_erased")
    assert await count(running, "carts") == 0
