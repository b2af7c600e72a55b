"""The authorization endpoint, case by case: what a client asks for, and what it is told (OpenID Connect Core 1.0, RFC 6749, RFC 7636,
RFC 9207). With test_tokens.py this is the table that stands for the conformance suite's basic plan."""

from urllib.parse import parse_qs, urlsplit

import pytest

from libs.database.session import Database
from services.auth.domain.oauth.parameters import LONGEST_QUERY
from tests.auth.conftest import PASSWORD, Person, register
from tests.auth.oauth.application import VERIFIER, Application, answer_in, challenge_of
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.conftest import RegisterApplication
from tests.auth.sessions import let_time_pass

ISSUER = "https://auth.meridian.test"

REFUSED: dict[str, tuple[dict[str, str | None], str]] = {
    "no response_type": ({"response_type": None}, "invalid_request"),
    "the implicit flow": ({"response_type": "token"}, "unsupported_response_type"),
    "the implicit flow with an ID token": (
        {"response_type": "id_token"},
        "unsupported_response_type",
    ),
    "the hybrid flow": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "an answer in the fragment": ({"response_mode": "fragment"}, "invalid_request"),
    "an answer as a form": ({"response_mode": "form_post"}, "invalid_request"),
    "no PKCE": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "a challenge without its method": ({"code_challenge_method": None}, "invalid_request"),
    "the plain method": (
        {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
        "invalid_request",
    ),
    "a short challenge": ({"code_challenge": "x" * 42}, "invalid_request"),
    "a long challenge": ({"code_challenge": "x" * 44}, "invalid_request"),
    "a padded challenge": (
        {"code_challenge": challenge_of("v" * 43)[:-1] + "="},
        "invalid_request",
    ),
    "no scope": ({"scope": None}, "invalid_scope"),
    "a scope nobody knows": ({"scope": "openid everything"}, "invalid_scope"),
    "a scope of others": ({"scope": "openid orders:admin"}, "invalid_scope"),
    "a prompt nobody knows": ({"prompt": "create"}, "invalid_request"),
    "a silent login": ({"prompt": "none login"}, "invalid_request"),
    "an age that is no number": ({"max_age": "soon"}, "invalid_request"),
    "a negative age": ({"max_age": "-1"}, "invalid_request"),
    "a request object": ({"request": "e30.e30."}, "request_not_supported"),
    "a request by reference": (
        {"request_uri": "https://evil.example/request"},
        "request_uri_not_supported",
    ),
    "a registration on the way": ({"registration": "{}"}, "registration_not_supported"),
    "a foreign resource": ({"resource": "warehouse"}, "invalid_target"),
    "a hint that is no ID token": ({"id_token_hint": "e30.e30.e30"}, "invalid_request"),
    "a nonce without end": ({"nonce": "n" * 1_001}, "invalid_request"),
    "a nonce of control characters": ({"nonce": "a\r\nb"}, "invalid_request"),
}


async def test_a_bad_request_goes_back_to_the_application(
    shop: Application, logged_in: Browser
) -> None:
    answers = {
        name: answer_in(await logged_in.get(shop.address(**changes)))
        for name, (changes, _) in REFUSED.items()
    }

    assert {name: answer["error"] for name, answer in answers.items()} == {
        name: error for name, (_, error) in REFUSED.items()
    }
    assert {(answer["state"], answer["iss"]) for answer in answers.values()} == {
        ("a state", ISSUER)
    }
    assert [name for name, answer in answers.items() if "code" in answer] == []


async def test_a_state_that_cannot_be_one_is_not_sent_back(
    shop: Application, logged_in: Browser
) -> None:
    answer = answer_in(await logged_in.get(shop.address(state="s" * 1_001)))
    assert answer["error"] == "invalid_request"
    assert "state" not in answer


async def test_what_cannot_be_trusted_to_come_from_a_client_gets_a_page(
    shop: Application, logged_in: Browser
) -> None:
    twice = ("scope", "state", "nonce", "code_challenge", "client_id", "unheard")
    addresses = {
        **{f"{name} twice": f"{shop.address(unheard='1')}&{name}=second" for name in twice},
        "too long": shop.address() + "&x=" + "y" * LONGEST_QUERY,
        "not UTF-8": shop.address() + "&x=%ff",
        "too many": shop.address() + "".join(f"&x{n}=" for n in range(60)),
        **{
            f"the client {name!r}": shop.address(client_id=name)
            for name in (None, "", "nobody", "web", "shop-web\x00", "SHOP-WEB")
        },
    }
    seen = {name: await logged_in.get(address) for name, address in addresses.items()}
    assert {name: response.status_code for name, response in seen.items()} == dict.fromkeys(
        seen, 400
    )
    assert [name for name, response in seen.items() if "Location" in response.headers] == []


async def test_a_client_that_only_acts_for_itself_has_no_address_to_return_to(
    application: RegisterApplication, logged_in: Browser
) -> None:
    machine = await application(
        "machine", redirect_uris=[], grants=["client_credentials"], scopes=["orders:read"]
    )
    response = await logged_in.get(machine.address(scope="orders:read"))
    assert response.status_code == 400


async def test_whoever_is_logged_in_goes_straight_back(
    shop: Application, logged_in: Browser
) -> None:
    response = await logged_in.get(shop.address())

    answer = answer_in(response)
    assert set(answer) == {"from", "code", "state", "iss"}
    assert (answer["from"], answer["state"], answer["iss"]) == ("meridian", "a state", ISSUER)
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"


async def test_parameters_nobody_knows_and_empty_ones_change_nothing(
    shop: Application, logged_in: Browser
) -> None:
    more = {"unheard": "1", "max_age": "", "ui_locales": "de", "display": "touch", "claims": "{}"}
    assert "code" in answer_in(await logged_in.get(shop.address(**more)))


async def test_a_request_by_form_is_a_request(shop: Application, logged_in: Browser) -> None:
    response = await logged_in.http.post(
        "/oauth2/authorize",
        content=urlsplit(shop.address()).query,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert "code" in answer_in(await logged_in.get(response.headers["Location"]))


@pytest.mark.parametrize("path", ["/oauth2/authorize", "/oauth2/logout"])
async def test_a_line_break_in_a_form_breaks_no_address(
    shop: Application, browser: Browser, path: str
) -> None:
    response = await browser.http.post(
        path,
        content=urlsplit(shop.address()).query + "&nonsense=a\r\nb",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert response.status_code == 303
    assert parse_qs(urlsplit(response.headers["Location"]).query)["nonsense"] == ["a\r\nb"]


async def test_a_stranger_logs_in_first(
    shop: Application, browser: Browser, person: Person
) -> None:
    page = await browser.open(shop.address(login_hint=person.email))
    assert (page.status_code, page.request.url.path) == (200, "/login")

    assert "code" in answer_in(await browser.submit(email=person.email, password=PASSWORD))


async def test_a_silent_request_is_answered_for_whoever_is_logged_in(
    shop: Application, logged_in: Browser
) -> None:
    assert "code" in answer_in(await logged_in.open(shop.address(prompt="none")))
    logged_in.cookie = None
    answer = answer_in(await logged_in.open(shop.address(prompt="none")))
    assert answer["error"] == "login_required"


async def test_a_login_that_is_demanded_happens_although_somebody_is_logged_in(
    shop: Application, logged_in: Browser, person: Person, database: Database
) -> None:
    for name, value in (("prompt", "login"), ("prompt", "select_account"), ("max_age", "0")):
        await let_time_pass(database, seconds=2)
        page = await logged_in.open(shop.address(**{name: value}))
        assert page.request.url.path == "/login"
        answer = answer_in(await logged_in.submit(email=person.email, password=PASSWORD))
        assert "code" in answer


async def test_a_login_within_the_age_is_recent_enough(
    shop: Application, logged_in: Browser, database: Database
) -> None:
    await let_time_pass(database, minutes=5)
    assert "code" in answer_in(await logged_in.open(shop.address(max_age="600")))
    page = await logged_in.open(shop.address(max_age="200"))
    assert page.request.url.path == "/login"
    assert (
        answer_in(await logged_in.open(shop.address(max_age="200", prompt="none")))["error"]
        == "login_required"
    )


async def test_a_stronger_login_is_asked_for_once(
    shop: Application, logged_in: Browser, person: Person
) -> None:
    wish = "urn:meridian:acr:mfa urn:meridian:acr:password"
    page = await logged_in.open(shop.address(acr_values=wish))
    assert page.request.url.path == "/login"
    # This account has no second factor: the application sees that in the ID token and decides.
    answer = answer_in(await logged_in.submit(email=person.email, password=PASSWORD))
    assert "code" in answer
    assert "code" in answer_in(await logged_in.open(shop.address(acr_values="unheard")))


async def test_a_hint_that_names_somebody_else_asks_who_it_is(
    shop: Application, logged_in: Browser, person: Person
) -> None:
    code = answer_in(await logged_in.open(shop.address()))["code"]
    hint = (await shop.redeem(code)).json()["id_token"]
    assert "code" in answer_in(await logged_in.open(shop.address(id_token_hint=hint)))
    other = await register(shop.http)
    await logged_in.open(shop.address(prompt="login"))
    await logged_in.submit(email=other.email, password=PASSWORD)

    silent = await logged_in.open(shop.address(id_token_hint=hint, prompt="none"))
    assert answer_in(silent)["error"] == "login_required"
    page = await logged_in.open(shop.address(id_token_hint=hint))
    assert page.request.url.path == "/login"
    again = await logged_in.submit(email=other.email, password=PASSWORD)
    assert answer_in(again)["error"] == "login_required"
