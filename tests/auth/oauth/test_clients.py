"""Clients prove who they are, get tokens of their own, and look at tokens that concern them."""

import base64

import httpx
import pytest
from sqlalchemy import update

from libs.audit.log import SYSTEM
from libs.clock import SystemClock
from libs.database.session import Database
from libs.testing.tokens import AUDIENCE
from services.auth.domain.oauth.scopes import known_scopes
from services.auth.models import OAuthClient
from services.auth.service.oauth.clients import SECRET_OVERLAP, Clients
from tests.auth.conftest import PASSWORD, Person
from tests.auth.oauth.application import Application
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.conftest import RegisterApplication
from tests.auth.oauth.test_tokens import claims_of, refusal, tokens_for
from tests.auth.sessions import flush, let_time_pass, problem
from tests.recorded import recorded

FORM = "application/x-www-form-urlencoded"


def basic(client_id: str, secret: str) -> str:
    return f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"


async def machine_of(application: RegisterApplication, **changes: object) -> Application:
    return await application(
        "machine",
        **{
            "redirect_uris": [],
            "grants": ["client_credentials"],
            "scopes": ["orders:read", "stock:write"],
            **changes,
        },
    )


async def test_a_client_gets_tokens_of_its_own(
    application: RegisterApplication, database: Database
) -> None:
    machine = await machine_of(application)
    answer = await machine.post("/oauth2/token", {"grant_type": "client_credentials"})

    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    claims = claims_of(answer.json()["access_token"])
    assert (claims["sub"], claims["client_id"]) == ("machine", "machine")
    assert claims["scope"] == "orders:read stock:write"
    assert not {"roles", "auth_time", "acr"} & set(claims)
    assert ("session.started", "client:machine", "done") in await recorded(database)
    narrow = {"grant_type": "client_credentials", "scope": "orders:read"}
    assert (await machine.post("/oauth2/token", narrow)).json()["scope"] == "orders:read"


async def test_a_clients_own_token_names_nobody_and_lives_as_long_as_its_session(
    application: RegisterApplication, redis_url: str
) -> None:
    machine = await machine_of(application, scopes=["openid", "orders:read"])
    named = {"grant_type": "client_credentials", "scope": "openid"}
    assert refusal(await machine.post("/oauth2/token", named)) == (400, "invalid_scope")
    own = {"grant_type": "client_credentials"}
    token = (await machine.post("/oauth2/token", own)).json()["access_token"]
    assert (await machine.post("/oauth2/introspect", {"token": token})).json()["active"] is True
    await machine.post("/oauth2/revoke", {"token": token})
    assert (await machine.post("/oauth2/introspect", {"token": token})).json() == {"active": False}
    other = (await machine.post("/oauth2/token", own)).json()["access_token"]
    await flush(redis_url)
    assert (await machine.post("/oauth2/introspect", {"token": other})).json() == {"active": False}


async def test_a_client_proves_itself_in_exactly_one_way(
    shop: Application, client: httpx.AsyncClient
) -> None:
    grant = {"grant_type": "refresh_token", "refresh_token": "x"}
    good = {"client_id": shop.client_id, "client_secret": shop.secret or ""}
    right = basic(shop.client_id, shop.secret or "")
    proven = [
        client.post("/oauth2/token", data={**grant, **good}),
        client.post("/oauth2/token", data=grant, headers={"Authorization": right}),
    ]
    for attempt in proven:
        assert refusal(await attempt) == (400, "invalid_grant")
    wrong: dict[str, tuple[dict[str, str], list[str]]] = {
        "nobody": ({}, []),
        "no secret": ({"client_id": shop.client_id}, []),
        "another secret": ({**good, "client_secret": "x"}, []),
        "an unknown client": ({**good, "client_id": "nobody"}, []),
        "another secret in the header": ({}, [basic(shop.client_id, "x")]),
        "a header without a colon": ({}, ["Basic eA=="]),
        "a header that is not base64": ({}, ["Basic %%%"]),
        "a header of another scheme": ({}, ["Bearer x"]),
        "an empty header": ({}, [""]),
    }
    for name, (form, headers) in wrong.items():
        sent = [("Authorization", header) for header in headers]
        answer = await client.post("/oauth2/token", data={**grant, **form}, headers=sent)
        assert refusal(answer) == (401, "invalid_client"), name
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    twice: dict[str, tuple[dict[str, str], list[str]]] = {
        "header and form": (good, [right]),
        "two names": ({"client_id": "other"}, [right]),
    }
    for name, (form, headers) in twice.items():
        sent = [("Authorization", header) for header in headers]
        answer = await client.post("/oauth2/token", data={**grant, **form}, headers=sent)
        assert refusal(answer) == (400, "invalid_request"), name
    both = [("Authorization", right), ("Authorization", right)]
    answer = await client.post("/oauth2/token", data=grant, headers=both)
    assert problem(answer) == (400, "repeated_header"), "refused before OAuth hears of it"


async def test_a_public_client_has_no_secret_to_send(application: RegisterApplication) -> None:
    public = await application("public-app", confidential=False)
    grant: dict[str, str | None] = {"grant_type": "refresh_token", "refresh_token": "x"}
    assert refusal(await public.post("/oauth2/token", grant)) == (400, "invalid_grant")
    answer = await public.post("/oauth2/token", {**grant, "client_secret": "guessed"})
    assert refusal(answer) == (401, "invalid_client")
    assert refusal(await public.post("/oauth2/introspect", {"token": "x"})) == (
        401,
        "invalid_client",
    )


async def test_what_is_no_form_is_refused_in_the_same_words(
    shop: Application, client: httpx.AsyncClient
) -> None:
    headers = {"Authorization": basic(shop.client_id, shop.secret or "")}
    bodies = {
        "JSON": (b"{}", "application/json"),
        "no type": (b"grant_type=x", ""),
        "a file": (b"--x--", "multipart/form-data; boundary=x"),
        "a parameter twice": (b"grant_type=refresh_token&grant_type=refresh_token", FORM),
        "bytes": (b"grant_type=\xff", FORM),
        "not UTF-8": (b"grant_type=%ff", FORM),
        "a NUL character": (b"grant_type=%00", FORM),
        "a long form": (b"grant_type=" + b"x" * 20_000, FORM),
        "many parameters": (b"&".join(b"p%d=1" % n for n in range(60)), FORM),
        "no grant": (b"scope=openid", FORM),
    }
    for name, (body, media_type) in bodies.items():
        sent = {**headers, **({"Content-Type": media_type} if media_type else {})}
        answer = await client.post("/oauth2/token", content=body, headers=sent)
        assert refusal(answer) == (400, "invalid_request"), name
    for grant in ("password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer"):
        answer = await shop.post("/oauth2/token", {"grant_type": grant})
        assert refusal(answer) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("joined", ["shop%00web:x", "shop\x00web:x", "shop-web:%00"])
@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"])
async def test_a_nul_character_names_no_client(
    client: httpx.AsyncClient, path: str, joined: str
) -> None:
    header = f"Basic {base64.b64encode(joined.encode()).decode()}"
    form = {"grant_type": "client_credentials", "token": "x"}
    answer = await client.post(path, data=form, headers={"Authorization": header})
    assert refusal(answer) == (401, "invalid_client")


async def test_introspection_tells_who_is_concerned_and_nobody_else(
    application: RegisterApplication, shop: Application, logged_in: Browser, database: Database
) -> None:
    warehouse = await machine_of(application)
    both = await application("two-apis", audiences=["meridian", "machine"])
    tokens = await tokens_for(both, logged_in, resource="machine")
    for mine in (tokens["access_token"], tokens["refresh_token"]):
        told = (await both.post("/oauth2/introspect", {"token": mine})).json()
        assert (told["active"], told["client_id"]) == (True, "two-apis")
    meant = await warehouse.post("/oauth2/introspect", {"token": tokens["access_token"]})
    assert meant.json()["active"] is True

    foreign = await shop.post("/oauth2/introspect", {"token": tokens["access_token"]})
    answers = {
        "an access token of another client": foreign,
        "a refresh token of another client": await shop.post(
            "/oauth2/introspect", {"token": tokens["refresh_token"]}
        ),
        "an ID token": await both.post("/oauth2/introspect", {"token": tokens["id_token"]}),
        "garbage": await both.post("/oauth2/introspect", {"token": "e30.e30.e30"}),
        "nothing like a token": await both.post("/oauth2/introspect", {"token": "ü" * 9_000}),
        "a changed signature": await both.post(
            "/oauth2/introspect", {"token": tokens["access_token"][:-4] + "AAAA"}
        ),
    }
    await let_time_pass(database, days=8)
    answers["an idle session"] = await both.post(
        "/oauth2/introspect", {"token": tokens["access_token"]}
    )
    seen = {name: (answer.status_code, answer.content) for name, answer in answers.items()}
    too_long = seen.pop("nothing like a token")
    assert too_long[0] == 400
    assert seen == dict.fromkeys(seen, (200, b'{"active":false}'))


async def test_revoking_ends_the_session_of_ones_own_token_and_tells_nothing_of_others(
    application: RegisterApplication, shop: Application, logged_in: Browser, person: Person
) -> None:
    other = await application("other-shop")
    for kind in ("access_token", "refresh_token"):
        tokens = await tokens_for(shop, logged_in)
        for attempt in (tokens[kind], "garbage"):
            answer = await other.post("/oauth2/revoke", {"token": attempt})
            assert (answer.status_code, answer.content) == (200, b"")
        active = await shop.post("/oauth2/introspect", {"token": tokens["access_token"]})
        assert active.json()["active"] is True

        hint = {"token": tokens[kind], "token_type_hint": "unheard"}
        for _ in range(2):
            assert (await shop.post("/oauth2/revoke", hint)).status_code == 200
        gone = await shop.post("/oauth2/introspect", {"token": tokens["access_token"]})
        assert gone.json() == {"active": False}
        assert refusal(await shop.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    own_login = (await person.log_in()).tokens
    await shop.post("/oauth2/revoke", {"token": own_login["refresh_token"]})
    again = await shop.http.post(
        "/v1/auth/refresh", json={"refresh_token": own_login["refresh_token"]}
    )
    assert again.status_code == 200


async def test_a_replaced_secret_works_for_a_day_and_a_switched_off_client_not_at_all(
    shop: Application, logged_in: Browser, database: Database
) -> None:
    clients = Clients(database, SystemClock(), AUDIENCE)
    tokens = await tokens_for(shop, logged_in)
    new = Application(
        shop.http, shop.client_id, await clients.rotate_secret(shop.client_id, SYSTEM)
    )
    for known in (shop, new):
        answer = await known.post("/oauth2/introspect", {"token": tokens["access_token"]})
        assert answer.json()["active"] is True
    async with database.transaction() as session:
        await session.execute(
            update(OAuthClient).values(
                previous_secret_until=OAuthClient.previous_secret_until - SECRET_OVERLAP
            )
        )
    old = await shop.post("/oauth2/introspect", {"token": "x"})
    assert refusal(old) == (401, "invalid_client")
    async with database.transaction() as session:
        await session.execute(update(OAuthClient).values(status="disabled"))
    assert refusal(await new.post("/oauth2/introspect", {"token": "x"})) == (401, "invalid_client")
    assert (await logged_in.get(shop.address())).status_code == 400


async def test_an_application_with_every_scope_there_is_manages_nobodys_account(
    application: RegisterApplication, logged_in: Browser, person: Person
) -> None:
    scopes = list(known_scopes())
    partner = await application("partner", scopes=scopes)
    granted = await tokens_for(partner, logged_in, scope=" ".join(scopes))
    assert {"profile:read", "profile:write"} <= set(granted["scope"].split())
    theirs = {"Authorization": f"Bearer {granted['access_token']}"}

    for method, path, body in (
        ("GET", "/v1/sessions", None),
        ("DELETE", "/v1/sessions/ses_1", None),
        ("POST", "/v1/auth/logout", None),
        ("POST", "/v1/auth/logout-all", None),
        ("GET", "/v1/auth/second-factors", None),
        ("POST", "/v1/auth/totp", None),
        ("DELETE", "/v1/auth/totp", None),
        ("POST", "/v1/auth/recovery-codes", None),
        ("GET", "/v1/auth/passkeys", None),
        ("POST", "/v1/auth/step-up", {"password": PASSWORD}),
        ("POST", "/v1/auth/password/change", {"password": "another long password"}),
        ("POST", "/v1/auth/email/change", {"email": "eve@example.com"}),
    ):
        answer = await person.client.request(method, path, headers=theirs, json=body)
        assert problem(answer) == (403, "insufficient_scope"), path
    person = await person.log_in()
    listed = await person.client.get("/v1/sessions", headers=person.headers)
    assert listed.status_code == 200
    assert len(listed.json()["items"]) >= 2
