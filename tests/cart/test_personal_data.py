"""The copy of what is known of a person, as user collects it from a service (`libs.erasure.routes`)."""

from collections.abc import Callable

from tests.cart.conftest import OTHER, USER, Headers, Running

ServiceToken = Callable[[str, str], str]

PATH = f"/v1/users/{USER}/personal-data"


async def test_user_is_told_everything_about_one_person_and_nothing_about_another(
    running: Running, headers: Headers, service_token: ServiceToken
) -> None:
    mine = await running.open(headers())
    await running.add(mine["cart_id"], headers(), "MUG", 2)
    theirs = await running.open(headers(OTHER))
    await running.add(theirs["cart_id"], headers(OTHER), "CUP")
    caller = {"Service-Authorization": f"Bearer {service_token('user', 'cart')}"}
    told = await running.http.get(PATH, headers=caller)
    assert told.status_code == 200, told.text
    assert told.headers["Cache-Control"] == "no-store"
    tables = told.json()["tables"]
    assert [(one["id"], one["user_id"]) for one in tables["carts"]] == [(mine["cart_id"], USER)]
    assert [(one["sku"], one["quantity"]) for one in tables["cart_lines"]] == [("MUG", 2)]


async def test_nobody_else_is_told(
    running: Running, headers: Headers, service_token: ServiceToken
) -> None:
    assert (await running.http.get(PATH, headers=headers())).status_code == 401
    order = {"Service-Authorization": f"Bearer {service_token('order', 'cart')}"}
    assert (await running.http.get(PATH, headers=order)).status_code == 403
