"""Whatever works once reads afterwards like what never worked: nobody learns that it was good before."""

from collections.abc import Awaitable, Callable
from typing import Final

import httpx
import pytest

from libs.testing.authenticator import Device, encoded
from libs.testing.waiting import FrozenClock
from tests.auth.conftest import Person
from tests.auth.factors import App, enrol_app, enrol_device, finish, login_options, mfa_token

Answers = tuple[httpx.Response, httpx.Response, httpx.Response]
"""The first use, the second, and that of something that never was good."""


async def a_code(ada: Person, clock: FrozenClock) -> Answers:
    app, _ = await enrol_app(ada, clock)
    code = app.code()
    return await _finished(ada, totp=code), await _finished(ada, totp=code), await _wrong(ada, app)


async def a_recovery_code(ada: Person, clock: FrozenClock) -> Answers:
    app, codes = await enrol_app(ada, clock)
    first = await _finished(ada, recovery_code=codes[0])
    return first, await _finished(ada, recovery_code=codes[0]), await _wrong(ada, app)


async def a_second_step(ada: Person, clock: FrozenClock) -> Answers:
    app, codes = await enrol_app(ada, clock)
    token = await mfa_token(ada)
    first = await finish(ada.client, token, totp=app.code())
    again = await finish(ada.client, token, recovery_code=codes[0])
    return first, again, await finish(ada.client, "x" * 43, recovery_code=codes[0])


async def a_challenge(ada: Person, _: FrozenClock) -> Answers:
    phone = Device()
    assert (await enrol_device(ada, phone)).status_code == httpx.codes.CREATED
    answer = phone.use(await login_options(ada.client))
    made_up = {**await login_options(ada.client), "challenge": encoded(b"x" * 32)}
    return (
        await _shown(ada, answer),
        await _shown(ada, answer),
        await _shown(ada, phone.use(made_up)),
    )


async def _finished(ada: Person, **shown: object) -> httpx.Response:
    return await finish(ada.client, await mfa_token(ada), **shown)


async def _wrong(ada: Person, app: App) -> httpx.Response:
    return await _finished(ada, totp=app.wrong())


async def _shown(ada: Person, credential: object) -> httpx.Response:
    return await ada.client.post("/v1/auth/login/passkey", json={"credential": credential})


REPLAYS: Final = (a_code, a_recovery_code, a_second_step, a_challenge)


@pytest.mark.parametrize("replay", REPLAYS, ids=lambda one: one.__name__)
async def test_what_is_shown_twice_reads_like_what_was_never_good(
    ada: Person, code_clock: FrozenClock, replay: Callable[..., Awaitable[Answers]]
) -> None:
    first, again, never = await replay(ada, code_clock)
    assert first.status_code == httpx.codes.OK
    assert again.status_code == httpx.codes.UNAUTHORIZED
    assert again.headers["content-type"] == "application/problem+json"
    assert _said(again) == _said(never)
    assert again.headers.keys() == never.headers.keys()


def _said(answer: httpx.Response) -> dict[str, object]:
    return {**answer.json(), "request_id": None}
