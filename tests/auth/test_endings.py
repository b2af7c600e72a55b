"""Whoever ends sessions ends what was begun in them: a thief's wish does not outlive the thief's stay."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from libs.database.session import Database
from libs.testing.authenticator import Device
from tests.auth.conftest import Person, register
from tests.auth.factors import enrol_device
from tests.auth.mails import ServiceToken
from tests.auth.sessions import let_time_pass, problem
from tests.auth.staff import promoted, proved
from tests.auth.test_email_addresses import CHANGE, ask_for_change, confirm_change, newest_token
from tests.auth.test_passwords import NEW


@dataclass(frozen=True)
class Scene:
    """Who can end the sessions of an account."""

    owner: Person
    staff: Person
    database: Database

    async def ask(self, who: Person, method: str, path: str, body: object = None) -> None:
        answer = await who.client.request(method, path, json=body, headers=who.headers)
        assert answer.is_success, answer.text


@pytest.fixture
async def scene(ada: Person, database: Database) -> Scene:
    staff = await proved(await promoted(await register(ada.client), database), database)
    return Scene(ada, staff, database)


async def log_out_everywhere(scene: Scene) -> Person:
    await scene.ask(scene.owner, "POST", "/v1/auth/logout-all")
    return await scene.owner.log_in()


async def change_the_password(scene: Scene) -> Person:
    await scene.ask(scene.owner, "POST", "/v1/auth/password/change", {"password": NEW})
    return scene.owner


async def add_a_factor(scene: Scene) -> Person:
    assert (await enrol_device(scene.owner, Device())).status_code == 201
    return scene.owner


async def have_staff_end_them(scene: Scene) -> Person:
    await scene.ask(scene.staff, "DELETE", f"/v1/accounts/{scene.owner.user_id}/sessions")
    return await scene.owner.log_in()


async def have_staff_change_roles(scene: Scene) -> Person:
    path = f"/v1/accounts/{scene.owner.user_id}/roles"
    await scene.ask(scene.staff, "PUT", path, {"roles": ["customer", "admin"]})
    return await scene.owner.log_in()


async def use_a_refresh_token_twice(scene: Scene) -> Person:
    used = scene.owner.tokens["refresh_token"]
    await scene.owner.refresh(used)
    await let_time_pass(scene.database, minutes=1)
    assert problem(await scene.owner.refresh(used)) == (401, "invalid_refresh_token")
    return await scene.owner.log_in()


@pytest.mark.parametrize(
    "end",
    [
        log_out_everywhere,
        change_the_password,
        add_a_factor,
        have_staff_end_them,
        have_staff_change_roles,
        use_a_refresh_token_twice,
    ],
)
async def test_a_change_of_address_is_not_confirmed_once_the_sessions_were_ended(
    scene: Scene, service_token: ServiceToken, end: Callable[[Scene], Awaitable[Person]]
) -> None:
    await ask_for_change(scene.owner)
    token = await newest_token(scene.owner, service_token, scene.database, CHANGE)
    afterwards = await end(scene)
    assert problem(await confirm_change(afterwards, token)) == (400, "invalid_mail_token")
