"""What the authorizer answers API Gateway, token by token. What makes a token good is libs.security's, tested there in full."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from edge.authorizer.decision import Unauthorized, decide
from libs.clock import utc_now
from libs.ids import uuid7
from libs.security.errors import KeysUnavailable
from libs.security.tokens import (
    LEAST_SECONDS_BETWEEN_FETCHES,
    STALE_SECONDS,
    JwksCache,
    TokenVerifier,
)
from libs.testing.tokens import AUDIENCE, ISSUER, KEY_ID, Issuer
from tests.edge.authorizer.lambda_runtime import STAGE, event
from tests.libs.security.issuer import part


@dataclass
class Authorizer:
    """The function's parts, with a clock for the key cache that is moved by hand."""

    http: httpx.AsyncClient
    url: str
    elapsed: float = 0.0
    fetched: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = JwksCache(self.url, self.http, lambda: self.elapsed)
        self.verifier = TokenVerifier(self.keys, ISSUER, AUDIENCE)

    async def note(self, request: httpx.Request) -> None:
        self.fetched.append(str(request.url))

    async def answer(self, *authorization: str, path: str = "/v1/me") -> dict[str, Any]:
        try:
            return await decide(self.verifier, event(*authorization, path=path))
        finally:
            await self.keys.close()


@pytest.fixture
async def authorizer(issuer: Issuer) -> AsyncIterator[Authorizer]:
    async with httpx.AsyncClient() as http:
        made = Authorizer(http, issuer.jwks_url)
        http.event_hooks["request"].append(made.note)
        yield made


def token(
    issuer: Issuer, changes: Mapping[str, object] | None = None, *, typ: str = "at+jwt"
) -> str:
    now = int(utc_now().timestamp())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "usr_1",
        "client_id": "web",
        "iat": now,
        "exp": now + 300,
        "jti": str(uuid7()),
        "home_region": "eu-west-1",
    }
    return issuer.sign({**claims, **(changes or {})}, typ=typ)


def effect_of(answer: dict[str, Any]) -> str:
    [statement] = answer["policyDocument"]["Statement"]
    assert statement["Action"] == "execute-api:Invoke"
    assert statement["Resource"] == f"{STAGE}/*", "kept for a minute, for every method"
    return str(statement["Effect"])


async def test_a_valid_token_opens_the_stage_and_names_its_subject(
    authorizer: Authorizer, issuer: Issuer
) -> None:
    answer = await authorizer.answer(f"Bearer {token(issuer)}")
    assert effect_of(answer) == "Allow"
    assert answer["principalId"] == "usr_1"
    assert answer["context"] == {"client": "web", "homeRegion": "eu-west-1"}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_read_in_any_case(
    authorizer: Authorizer, issuer: Issuer, scheme: str
) -> None:
    assert effect_of(await authorizer.answer(f"{scheme} {token(issuer)}")) == "Allow"


WRONG: dict[str, dict[str, object]] = {
    "expired": {"iat": 1_700_000_000, "exp": 1_700_000_300},
    "of the future": {"iat": 4_000_000_000, "exp": 4_000_000_300},
    "another issuer's": {"iss": "https://evil.test"},
    "for another audience": {"aud": "elsewhere"},
    "for several audiences": {"aud": [AUDIENCE, "elsewhere"]},
    "nobody's": {"sub": ""},
    "without an expiry": {"exp": None},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG)
async def test_a_wrong_claim_is_denied(
    authorizer: Authorizer, issuer: Issuer, claims: dict[str, object]
) -> None:
    answer = await authorizer.answer(f"Bearer {token(issuer, claims)}")
    assert effect_of(answer) == "Deny"
    assert answer["principalId"] == "nobody"
    assert "context" not in answer


async def test_a_token_of_another_kind_is_denied(authorizer: Authorizer, issuer: Issuer) -> None:
    answer = await authorizer.answer(f"Bearer {token(issuer, typ='service+jwt')}")
    assert effect_of(answer) == "Deny"


def with_header(signed: str, header: str) -> str:
    return f"{header}.{signed.split('.', 1)[1]}"


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "ES256", "RS512"])
async def test_another_algorithm_is_denied(
    authorizer: Authorizer, issuer: Issuer, alg: str
) -> None:
    header = part({"alg": alg, "typ": "at+jwt", "kid": KEY_ID})
    for forged in (with_header(token(issuer), header), f"{header}.{token(issuer).split('.')[1]}."):
        assert effect_of(await authorizer.answer(f"Bearer {forged}")) == "Deny"


async def test_a_signature_that_was_touched_is_denied(
    authorizer: Authorizer, issuer: Issuer
) -> None:
    head, payload, _ = token(issuer).split(".")
    other = token(issuer, {"sub": "usr_2"}).split(".")[2]
    assert effect_of(await authorizer.answer(f"Bearer {head}.{payload}.{other}")) == "Deny"


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer a b",
        "Bearer x",
        "Bearer ..",
        "Bearer ä.b.c",
    ],
)
async def test_what_is_no_bearer_token_is_denied(authorizer: Authorizer, sent: str) -> None:
    assert effect_of(await authorizer.answer(sent)) == "Deny"
    assert authorizer.fetched == [], "it costs auth nothing"


async def test_two_tokens_are_denied_even_if_both_are_good(
    authorizer: Authorizer, issuer: Issuer
) -> None:
    good = f"Bearer {token(issuer)}"
    assert effect_of(await authorizer.answer(good, good)) == "Deny"


async def test_no_token_is_the_word_that_api_gateway_answers_401_for(
    authorizer: Authorizer,
) -> None:
    with pytest.raises(Unauthorized) as refused:
        await authorizer.answer()
    assert str(refused.value) == "Unauthorized"


async def test_an_unknown_key_is_asked_for_once_however_often_it_is_claimed(
    authorizer: Authorizer, issuer: Issuer
) -> None:
    assert effect_of(await authorizer.answer(f"Bearer {token(issuer)}")) == "Allow"
    unknown = with_header(token(issuer), part({"alg": "RS256", "typ": "at+jwt", "kid": "key-2"}))
    assert len(authorizer.fetched) == 1
    authorizer.elapsed += LEAST_SECONDS_BETWEEN_FETCHES
    for _ in range(5):
        assert effect_of(await authorizer.answer(f"Bearer {unknown}")) == "Deny"
    assert len(authorizer.fetched) == 2


async def test_keys_are_used_while_auth_is_away_but_not_for_ever(
    authorizer: Authorizer, issuer: Issuer
) -> None:
    good = f"Bearer {token(issuer)}"
    assert effect_of(await authorizer.answer(good)) == "Allow"
    authorizer.http.event_hooks["request"].append(_unreachable)
    authorizer.elapsed = STALE_SECONDS - 1
    assert effect_of(await authorizer.answer(good)) == "Allow"
    authorizer.elapsed = STALE_SECONDS
    with pytest.raises(KeysUnavailable):
        await authorizer.answer(good)


async def test_while_auth_is_away_a_key_that_may_be_new_makes_nobody_a_liar(
    authorizer: Authorizer, issuer: Issuer
) -> None:
    """A denial would be kept for a minute, a failure is not kept."""
    assert effect_of(await authorizer.answer(f"Bearer {token(issuer)}")) == "Allow"
    rotated = with_header(token(issuer), part({"alg": "RS256", "typ": "at+jwt", "kid": "key-2"}))
    authorizer.http.event_hooks["request"].append(_unreachable)
    authorizer.elapsed = 3_600
    with pytest.raises(KeysUnavailable):
        await authorizer.answer(f"Bearer {rotated}")


async def _unreachable(request: httpx.Request) -> None:
    raise httpx.ConnectError("auth is away", request=request)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "TOKEN"},
        {"methodArn": None},
        {"methodArn": "arn:aws:s3:::bucket/live/GET/v1/me"},
        {"methodArn": STAGE},
        {"methodArn": "arn:aws:execute-api:us-east-1:111122223333:*/live/GET/v1/me"},
    ],
    ids=str,
)
async def test_an_event_that_api_gateway_does_not_send_is_no_reason_to_let_anybody_in(
    authorizer: Authorizer, issuer: Issuer, change: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="REQUEST authorizer"):
        await decide(authorizer.verifier, {**event(f"Bearer {token(issuer)}"), **change})


async def test_headers_are_found_without_the_many_valued_form(
    authorizer: Authorizer, issuer: Issuer
) -> None:
    plain = event(f"Bearer {token(issuer)}")
    del plain["multiValueHeaders"]
    plain["headers"] = {"authorization": plain["headers"]["Authorization"]}
    assert effect_of(await decide(authorizer.verifier, plain)) == "Allow"
