from copy import deepcopy

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from libs.database.session import Database
from libs.security.principal import ACR_MFA
from libs.testing.authenticator import Device, decoded, encoded
from libs.testing.waiting import FrozenClock
from tests.auth.conftest import Person, StartAuth, register
from tests.auth.factors import (
    enrol_app,
    enrol_device,
    finish,
    log_in_with,
    login_options,
    mfa_token,
    step_up,
)
from tests.auth.mails import changes
from tests.auth.sessions import let_time_pass, problem
from tests.auth.test_login import claims_of
from tests.recorded import recorded

LIES = [
    {"origin": "https://evil.example"},
    {"origin": "http://auth.meridian.test"},
    {"origin": "https://auth.meridian.test.evil.example"},
    {"rp_id": "evil.example"},
    {"signer": ec.generate_private_key(ec.SECP256R1())},
]


@pytest.fixture
async def phone(ada: Person) -> Device:
    """Ada's device, known to us."""
    device = Device()
    response = await enrol_device(ada, device)
    assert response.status_code == 201, response.text
    return device


async def test_the_first_passkey_brings_recovery_codes_and_is_told(
    ada: Person, database: Database
) -> None:
    response = await enrol_device(ada, Device())
    assert response.status_code == 201, response.text
    assert response.json()["passkey"]["name"] == "Ada's phone"
    assert len(response.json()["recovery_codes"]) == 10
    assert await changes(database) == ["passkey_added", "mfa_enabled"]
    ada.tokens = (await ada.refresh()).json()
    assert (await claims_of(ada))["acr"] == ACR_MFA
    assert (await enrol_device(ada, Device())).json()["recovery_codes"] == []


async def test_a_passkey_logs_in_without_password_and_says_who_it_is(
    ada: Person, phone: Device
) -> None:
    options = await login_options(ada.client)
    assert "allowCredentials" not in options or options["allowCredentials"] == []
    assert options["userVerification"] == "required"

    response = await log_in_with(phone, ada.client)

    assert response.status_code == 200, response.text
    claims = await claims_of(Person(ada.client, ada.email, ada.user_id, response.json()))
    assert (claims["sub"], claims["acr"]) == (ada.user_id, ACR_MFA)
    assert claims["amr"] == ["pop", "user", "mfa"]


async def test_a_passkey_is_the_second_step_of_its_own_account(ada: Person, phone: Device) -> None:
    token = await mfa_token(ada)
    options = await login_options(ada.client, token)
    assert [known["id"] for known in options["allowCredentials"]] == [encoded(phone.credential_id)]  # type: ignore[attr-defined]  # JSON
    done = await finish(ada.client, token, passkey=phone.use(options))
    assert done.status_code == 200, done.text


async def test_somebody_elses_passkey_is_no_second_step(
    ada: Person, phone: Device, client: httpx.AsyncClient
) -> None:
    eve = await (await register(client)).log_in()
    stranger = Device()
    assert (await enrol_device(eve, stranger)).status_code == 201
    token = await mfa_token(ada)
    options = await login_options(client, token)
    assert problem(await finish(client, token, passkey=stranger.use(options)))[0] == 401
    assert (
        await finish(
            client, token, passkey=phone.use(await login_options(client, await mfa_token(eve)))
        )
    ).status_code == 401, "a challenge put to another account"


@pytest.mark.parametrize("lie", LIES, ids=["page", "scheme", "suffix", "shop", "key"])
async def test_an_answer_for_another_page_shop_or_key_is_refused(
    ada: Person, phone: Device, lie: dict[str, object]
) -> None:
    assert problem(await log_in_with(phone, ada.client, **lie)) == (401, "wrong_proof")
    assert (await log_in_with(phone, ada.client)).status_code == 200


async def test_a_challenge_is_answered_once(ada: Person, phone: Device) -> None:
    credential = phone.use(await login_options(ada.client))
    body = {"credential": credential}
    first = await ada.client.post("/v1/auth/login/passkey", json=body)
    again = await ada.client.post("/v1/auth/login/passkey", json=body)
    assert (first.status_code, problem(again)) == (200, (401, "wrong_proof"))


async def test_a_challenge_of_our_own_making_is_needed(ada: Person, phone: Device) -> None:
    options = {**await login_options(ada.client), "challenge": encoded(b"x" * 32)}
    body = {"credential": phone.use(options)}
    assert problem(await ada.client.post("/v1/auth/login/passkey", json=body))[0] == 401


async def test_a_challenge_for_one_purpose_serves_no_other(ada: Person, phone: Device) -> None:
    ada.tokens = (await ada.refresh()).json()
    answer = await ada.client.post("/v1/auth/step-up/passkey-options", headers=ada.headers)
    body = {"credential": phone.use(answer.json()["public_key"])}
    assert problem(await ada.client.post("/v1/auth/login/passkey", json=body))[0] == 401
    assert problem(await step_up(ada, passkey=phone.use(await login_options(ada.client))))[0] == 401


async def test_a_counter_that_goes_back_is_a_copy_and_refused(ada: Person, phone: Device) -> None:
    copy = deepcopy(phone.counter)
    assert (await log_in_with(phone, ada.client)).status_code == 200
    phone.counter = copy
    assert problem(await log_in_with(phone, ada.client)) == (401, "wrong_proof")
    assert (await log_in_with(phone, ada.client)).status_code == 200, "it went on"


async def test_a_device_that_asks_for_nothing_is_no_login_by_itself(ada: Person) -> None:
    key = Device(verifies_user=False)
    assert (await enrol_device(ada, key)).status_code == 201
    assert problem(await log_in_with(key, ada.client)) == (401, "wrong_proof")
    token = await mfa_token(ada)
    done = await finish(ada.client, token, passkey=key.use(await login_options(ada.client, token)))
    assert done.status_code == 200


async def test_a_passkey_steps_up(ada: Person, phone: Device, database: Database) -> None:
    await let_time_pass(database, minutes=20)
    ada.tokens = (await ada.refresh()).json()
    options = await ada.client.post("/v1/auth/step-up/passkey-options", headers=ada.headers)
    response = await step_up(ada, passkey=phone.use(options.json()["public_key"]))
    assert response.status_code == 200, response.text
    ada.tokens |= response.json()
    claims = await claims_of(ada)
    assert abs(int(str(claims["auth_time"])) - int(str(claims["iat"]))) <= 2


async def test_passkeys_are_listed_renamed_and_taken_off_by_their_owner_alone(
    ada: Person, phone: Device, client: httpx.AsyncClient, database: Database
) -> None:
    eve = await (await register(client)).log_in()
    ada.tokens = (await ada.refresh()).json()
    listed = (await client.get("/v1/auth/passkeys", headers=ada.headers)).json()["items"]
    path = f"/v1/auth/passkeys/{listed[0]['passkey_id']}"
    assert (await client.get("/v1/auth/passkeys", headers=eve.headers)).json() == {"items": []}
    new_name = {"name": "Work phone"}
    for thief in (
        await client.patch(path, json=new_name, headers=eve.headers),
        await client.delete(path, headers=eve.headers),
    ):
        assert problem(thief) == (404, "passkey_not_found")

    renamed = await client.patch(path, json=new_name, headers=ada.headers)
    assert renamed.json() == {**listed[0], **new_name}
    assert (await client.delete(path, headers=ada.headers)).status_code == 204
    assert problem(await log_in_with(phone, client)) == (401, "wrong_proof")
    await ada.log_in()
    assert (await changes(database))[-2:] == ["passkey_removed", "mfa_disabled"]


@pytest.mark.parametrize("lie", LIES[:4], ids=["page", "scheme", "suffix", "shop"])
async def test_a_passkey_made_elsewhere_is_not_accepted(
    ada: Person, lie: dict[str, object]
) -> None:
    options = await ada.client.post("/v1/auth/passkeys/options", headers=ada.headers)
    made = Device().make(options.json()["public_key"], **lie)  # type: ignore[arg-type]  # lies are named
    body = {"name": "x", "credential": made}
    response = await ada.client.post("/v1/auth/passkeys", json=body, headers=ada.headers)
    assert problem(response) == (422, "passkey_not_accepted")


async def test_a_registration_is_answered_once_and_a_credential_known_once(ada: Person) -> None:
    device = Device()
    assert (await enrol_device(ada, device)).status_code == 201
    ada.tokens = (await ada.refresh()).json()
    options = await ada.client.post("/v1/auth/passkeys/options", headers=ada.headers)
    body = {"name": "x", "credential": device.make(options.json()["public_key"])}
    known = await ada.client.post("/v1/auth/passkeys", json=body, headers=ada.headers)
    replayed = await ada.client.post("/v1/auth/passkeys", json=body, headers=ada.headers)
    assert problem(known) == (409, "passkey_known")
    assert problem(replayed) == (422, "passkey_not_accepted")


@pytest.mark.parametrize(
    "mangled",
    [
        {"clientDataJSON": encoded(b"not json")},
        {"clientDataJSON": encoded(b"[]")},
        {"clientDataJSON": encoded(b'{"challenge": 1}')},
        {"authenticatorData": encoded(b"short")},
        {"signature": ""},
        {"clientDataJSON": encoded(b"[" * 12_000)},
    ],
    ids=["no json", "a list", "no text", "short", "unsigned", "nested deeply"],
)
async def test_garbage_from_a_device_is_refused_and_breaks_nothing(
    ada: Person, phone: Device, mangled: dict[str, str]
) -> None:
    credential = phone.use(await login_options(ada.client))
    credential["response"] |= mangled
    response = await ada.client.post("/v1/auth/login/passkey", json={"credential": credential})
    assert problem(response) == (401, "wrong_proof")


async def test_pages_and_domain_can_be_told(start_auth: StartAuth) -> None:
    client = await start_auth(
        webauthn_rp_id="shop.example",
        webauthn_origins="https://a.shop.example, https://shop.example",
    )
    person = await (await register(client)).log_in()
    options = await client.post("/v1/auth/passkeys/options", headers=person.headers)
    assert options.json()["public_key"]["rp"] == {"id": "shop.example", "name": "Meridian"}
    assert decoded(options.json()["public_key"]["user"]["id"]).decode() == person.user_id
    made = Device().make(
        options.json()["public_key"], origin="https://a.shop.example", rp_id="shop.example"
    )
    body = {"name": "x", "credential": made}
    added = await client.post("/v1/auth/passkeys", json=body, headers=person.headers)
    assert added.status_code == 201


async def test_an_app_beside_a_passkey_is_told_when_it_comes_and_when_it_goes(
    ada: Person, phone: Device, database: Database, code_clock: FrozenClock
) -> None:
    ada.tokens = (await ada.refresh()).json()
    await enrol_app(ada, code_clock)
    gone = await ada.client.delete("/v1/auth/totp", headers=ada.headers)
    assert gone.status_code == 204
    told = ["passkey_added", "mfa_enabled", "totp_added", "totp_removed"]
    assert await changes(database) == told
    done = {f"identity.{change}" for change in told}
    assert done <= {action for action, _, _ in await recorded(database)}
