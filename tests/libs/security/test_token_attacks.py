"""Attacks on access tokens, over HTTP: each gets the very same refusal, so that nobody learns how near they came."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Final

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import RSAKey

from libs.security.tokens import TokenVerifier
from libs.testing.apps import client_of
from libs.web.handlers import add_error_handlers
from tests.libs.security.guarded import routes
from tests.libs.security.issuer import (
    AUDIENCE,
    ISSUER,
    NOW,
    Hand,
    Issuer,
    OneKey,
    part,
    signing_key,
)

ISSUED: Final = int(NOW.timestamp())
HOUR: Final = 3_600


def unsigned(alg: str) -> str:
    return f"{part({**Issuer.header, 'alg': alg})}.{part(Issuer().claims())}."


def signed_with_the_public_key(secret: bytes) -> str:
    message = f"{part({**Issuer.header, 'alg': 'HS256'})}.{part(Issuer().claims())}"
    return f"{message}.{part(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"


def public_key() -> RSAKey:
    return RSAKey.import_key(signing_key().as_dict(private=False))


def with_anothers_payload() -> str:
    head, _, signature = Issuer().token().split(".")
    return f"{head}.{part(Issuer().claims(sub='usr_2', roles=['admin']))}.{signature}"


def with_header(**header: object) -> str:
    return Issuer().token(header)


def said_twice(name: str, value: str) -> str:
    claims = json.dumps(Issuer().claims())[:-1]
    return Issuer().sign(
        part(dict(Issuer.header)), part(f'{claims}, "{name}": "{value}"}}'.encode())
    )


ATTACKS: Final[Mapping[str, Callable[[], str]]] = {
    "no signature": lambda: unsigned("none"),
    "no signature, another spelling": lambda: unsigned("nOnE"),
    "no algorithm": lambda: unsigned(""),
    "the signature cut off": lambda: Issuer().token().rpartition(".")[0] + ".",
    "the signature changed": lambda: Issuer().token()[:-6] + "AAAAAA",
    "two signatures": lambda: f"{Issuer().token()}.{part(b'x')}",
    "the public key as a secret, PEM": lambda: signed_with_the_public_key(public_key().as_pem(private=False)),
    "the public key as a secret, DER": lambda: signed_with_the_public_key(public_key().as_der(private=False)),
    "an empty secret": lambda: signed_with_the_public_key(b""),
    "another algorithm of the family": lambda: with_header(alg="RS512"),
    "another padding": lambda: with_header(alg="PS256"),
    "an elliptic curve": lambda: with_header(alg="ES256"),
    "another's claims under a good signature": with_anothers_payload,
    "a key of its own in the header": lambda: with_header(jwk=public_key().as_dict(private=False)),
    "a key set to fetch": lambda: with_header(jku="https://evil.example/jwks.json"),
    "a certificate to fetch": lambda: with_header(x5u="https://evil.example/cert.pem"),
    "a certificate in the header": lambda: with_header(x5c=["MII"]),
    "an unknown key": lambda: with_header(kid="key-2"),
    "a path for a key": lambda: with_header(kid="../../../dev/null"),
    "SQL for a key": lambda: with_header(kid="x' UNION SELECT 'key"),
    "a critical extension": lambda: with_header(crit=["exp2"], exp2=1),
    "an unencoded payload": lambda: with_header(b64=False, crit=["b64"]),
    "a compressed payload": lambda: with_header(zip="DEF"),
    "an ID token": lambda: with_header(typ="JWT"),
    "a logout token": lambda: with_header(typ="logout+jwt"),
    "a service's token": lambda: with_header(typ="service+jwt"),
    "an expired token": lambda: Issuer().token(exp=ISSUED - HOUR),
    "a token without an end": lambda: Issuer().token(exp=None),
    "a token that ends after the sun": lambda: Issuer().token(exp=9e99),
    "a token of tomorrow": lambda: Issuer().token(nbf=ISSUED + HOUR),
    "a token issued tomorrow": lambda: Issuer().token(iat=ISSUED + HOUR),
    "another issuer": lambda: Issuer().token(iss="https://evil.example"),
    "an issuer that begins like ours": lambda: Issuer().token(iss=f"{ISSUER}.evil.example"),
    "another audience": lambda: Issuer().token(aud="another"),
    "an audience among others": lambda: Issuer().token(aud=[AUDIENCE, "another"]),
    "nobody": lambda: Issuer().token(sub=""),
    "somebody twice": lambda: said_twice("sub", "usr_2"),
    "roles as one word": lambda: Issuer().token(roles="admin"),
    "scopes as a list": lambda: Issuer().token(scope=["orders:read"]),
    "a list for claims": lambda: Issuer().sign(part(dict(Issuer.header)), part(b"[]")),
    "a token too long to read": lambda: Issuer().token(scope="x" * 8_000),
    "nested without end": lambda: ".".join([part(b"[" * 3_000)] * 3),
    "garbage": lambda: "a.b.c",
}  # fmt: skip


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    verifier = TokenVerifier(OneKey(), ISSUER, AUDIENCE, Hand())
    app.state.resources = SimpleNamespace(verifier=verifier)
    add_error_handlers(app)
    routes(app)
    return app


async def asked_with(app: FastAPI, token: str) -> httpx.Response:
    async with client_of(app) as client:
        return await client.get("/orders", headers={"Authorization": f"Bearer {token}"})


async def test_a_good_token_opens_what_the_bad_ones_are_tried_on(app: FastAPI) -> None:
    assert (await asked_with(app, Issuer().token())).status_code == 200


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_an_attack_is_refused_in_the_same_words_as_every_other(
    app: FastAPI, attack: Callable[[], str]
) -> None:
    answer = await asked_with(app, attack())
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert answer.json() == {
        "type": "urn:meridian:problem:invalid_token",
        "title": "The token is not valid",
        "status": 401,
        "detail": "The token is malformed, expired, or was issued for another audience. Get a new one.",
        "instance": "/orders",
        "code": "invalid_token",
        "request_id": None,
    }
