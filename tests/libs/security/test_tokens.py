import asyncio
import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from libs.security.errors import InvalidToken, KeysUnavailable
from libs.security.tokens import JwksCache, TokenVerifier, usable_keys
from tests.libs.security.conftest import NOW, Hand, Issuer, part, signing_key

ISSUED = int(NOW.timestamp())


async def refused(verifier: TokenVerifier, token: str) -> InvalidToken:
    with pytest.raises(InvalidToken) as error:
        await verifier.verify(token)
    assert error.value.status == 401
    assert error.value.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    return error.value


async def test_a_correct_token_names_its_principal(verifier: TokenVerifier, issuer: Issuer) -> None:
    token = issuer.token()

    principal = await verifier.verify(token)

    assert principal.subject == "usr_1"
    assert principal.has("orders:write")
    assert not principal.has("orders:admin")
    assert principal.session_id == "ses_1"
    assert principal.home_region == "us-east-1"
    assert principal.client_id == "storefront"
    assert principal.roles == {"customer"}
    assert principal.auth_time == datetime.fromtimestamp(ISSUED, UTC)
    assert principal.token == token
    assert token not in repr(principal)


async def test_optional_claims_may_be_absent(verifier: TokenVerifier, issuer: Issuer) -> None:
    principal = await verifier.verify(
        issuer.token(sid=None, roles=None, scope=None, auth_time=None)
    )

    assert principal.session_id is None
    assert principal.scopes == frozenset()
    assert principal.auth_time is None


async def test_the_long_spelling_of_the_type_is_accepted(
    verifier: TokenVerifier, issuer: Issuer
) -> None:
    await verifier.verify(issuer.token({"typ": "application/AT+JWT"}))


async def test_unsigned_tokens_are_refused(verifier: TokenVerifier, issuer: Issuer) -> None:
    for alg in ("none", "None", "NONE", ""):
        head = part({"alg": alg, "typ": "at+jwt", "kid": "key-1"})
        await refused(verifier, f"{head}.{part(issuer.claims())}.")


async def test_the_public_key_is_no_hmac_secret(verifier: TokenVerifier, issuer: Issuer) -> None:
    public = RSAKey.import_key(signing_key().as_dict(private=False))
    secrets = (
        public.as_pem(private=False),
        public.as_der(private=False),
        json.dumps(public.as_dict(private=False)).encode(),
    )
    message = f"{part({**issuer.header, 'alg': 'HS256'})}.{part(issuer.claims())}"
    for secret in secrets:
        mac = hmac.new(secret, message.encode(), hashlib.sha256).digest()
        await refused(verifier, f"{message}.{part(mac)}")


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "ES256", "EdDSA", "HS256", "rs256"])
async def test_other_algorithms_are_refused_even_with_our_key(
    verifier: TokenVerifier, issuer: Issuer, alg: str
) -> None:
    await refused(verifier, issuer.token({"alg": alg}))


@pytest.mark.parametrize(
    "typ", ["JWT", "jwt", "id+jwt", "service+jwt", "logout+jwt", "", "at+jwt "]
)
async def test_other_types_are_refused(verifier: TokenVerifier, issuer: Issuer, typ: str) -> None:
    await refused(verifier, issuer.token({"typ": typ}))


@pytest.mark.parametrize(
    "kid",
    [
        "key-2",
        "",
        "../../etc/passwd",
        "' OR 1=1 --",
        "key-1\x00",
        "k" * 65,
        1,
        None,
        ["key-1"],
        "ключ",
    ],
)
async def test_unknown_and_odd_key_ids_are_refused(
    verifier: TokenVerifier, issuer: Issuer, kid: object
) -> None:
    await refused(verifier, issuer.token({"kid": kid}))


@pytest.mark.parametrize(
    "extra",
    [
        {"jku": "https://evil.test/jwks"},
        {"x5u": "https://evil.test/cert"},
        {"jwk": {"kty": "RSA"}},
        {"x5c": ["MII"]},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"zip": "DEF"},
    ],
)
async def test_headers_that_bring_keys_or_rules_of_their_own_are_refused(
    verifier: TokenVerifier, issuer: Issuer, extra: dict[str, object]
) -> None:
    await refused(verifier, issuer.token(extra))


@pytest.mark.parametrize("missing", ["alg", "typ", "kid"])
async def test_headers_must_be_complete(
    verifier: TokenVerifier, issuer: Issuer, missing: str
) -> None:
    header = {name: value for name, value in issuer.header.items() if name != missing}
    await refused(verifier, issuer.sign(part(header), part(issuer.claims())))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://auth.meridian.test/"},
        {"iss": "https://evil.test"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["meridian"]},
        {"aud": ["meridian", "another"]},
        {"aud": None},
        {"exp": ISSUED - 6},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": 9e99},
        {"exp": True},
        {"exp": -1},
        {"iat": ISSUED + 60},
        {"iat": None},
        {"nbf": ISSUED + 60},
        {"nbf": "soon"},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"jti": None},
        {"client_id": None},
        {"home_region": None},
        {"scope": ["orders:write"]},
        {"sid": ""},
        {"sid": 1},
        {"roles": "admin"},
        {"roles": [1]},
        {"auth_time": "now"},
    ],
)
async def test_wrong_missing_or_mistyped_claims_are_refused(
    verifier: TokenVerifier, issuer: Issuer, claims: dict[str, object]
) -> None:
    await refused(verifier, issuer.token(**claims))


async def test_clocks_may_differ_by_five_seconds(
    verifier: TokenVerifier, issuer: Issuer, hand: Hand
) -> None:
    await verifier.verify(issuer.token(exp=ISSUED - 4))
    await verifier.verify(issuer.token(iat=ISSUED + 5, nbf=ISSUED + 5))
    hand.time = NOW + timedelta(minutes=5, seconds=6)
    await refused(verifier, issuer.token())


async def test_repeated_members_are_refused(verifier: TokenVerifier, issuer: Issuer) -> None:
    twice = json.dumps(issuer.claims())[:-1].encode() + b', "sub": "usr_2"}'
    await refused(verifier, issuer.sign(part(dict(issuer.header)), part(twice)))
    head = b'{"alg": "RS256", "alg": "none", "typ": "at+jwt", "kid": "key-1"}'
    await refused(verifier, issuer.sign(part(head), part(issuer.claims())))


@pytest.mark.parametrize(
    "payload", [b"[]", b"null", b'"x"', b"", b"{", b"\xff\xfe", b'{"exp": NaN}']
)
async def test_payloads_that_are_no_object_are_refused(
    verifier: TokenVerifier, issuer: Issuer, payload: bytes
) -> None:
    await refused(verifier, issuer.sign(part(dict(issuer.header)), part(payload)))


async def test_changed_tokens_are_refused(verifier: TokenVerifier, issuer: Issuer) -> None:
    header, payload, signature = issuer.token().split(".")
    other = issuer.token(sub="usr_2").split(".")[1]
    await refused(verifier, f"{header}.{other}.{signature}")
    await refused(verifier, f"{header}.{payload}.{signature[:-4]}AAAA")
    await refused(verifier, f"{header}.{payload}.")
    await refused(verifier, f"{header}.{payload}")
    await refused(verifier, f"{header}.{payload}.{signature}.{signature}")


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "é.é.é", "x" * 9000, "%00.%00.%00", "[" * 8000]
)
async def test_garbage_is_refused(verifier: TokenVerifier, token: str) -> None:
    await refused(verifier, token)


async def test_an_oversized_token_is_refused_before_anything_is_decoded(
    verifier: TokenVerifier, issuer: Issuer
) -> None:
    await refused(verifier, issuer.token(scope="x" * 8000))


async def test_the_refusal_does_not_say_what_was_wrong(
    verifier: TokenVerifier, issuer: Issuer
) -> None:
    expired = await refused(verifier, issuer.token(exp=1))
    forged = await refused(verifier, issuer.token(iss="x"))
    assert expired.detail == forged.detail
    assert expired.reason != forged.reason


class Auth:
    """Serves a JWKS and counts."""

    def __init__(self) -> None:
        self.fetches = 0
        self.failing = False
        self.content: bytes | None = None
        self.keys = [public_entry("key-1")]
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))

    async def answer(self, _request: httpx.Request) -> httpx.Response:
        self.fetches += 1
        await asyncio.sleep(0)
        if self.failing:
            raise httpx.ConnectError("away")
        if self.content is not None:
            return httpx.Response(200, content=self.content)
        return httpx.Response(200, json={"keys": self.keys})


class Ticks:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def public_entry(kid: str, **overrides: object) -> dict[str, object]:
    public: dict[str, object] = dict(signing_key().as_dict(private=False))
    return {**public, "kid": kid, "use": "sig", "alg": "RS256", **overrides}


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def jwks(auth: Auth, ticks: Ticks) -> JwksCache:
    return JwksCache("https://auth.test/jwks", auth.http, ticks)


async def test_a_crowd_waiting_for_keys_causes_one_fetch(auth: Auth, jwks: JwksCache) -> None:
    keys = await asyncio.gather(*(jwks.key_for("key-1") for _ in range(200)))

    assert all(key is not None for key in keys)
    assert auth.fetches == 1


async def test_a_flood_of_unknown_ids_causes_one_fetch_in_ten_seconds(
    auth: Auth, jwks: JwksCache, ticks: Ticks
) -> None:
    await jwks.key_for("key-1")
    ticks.seconds = 10
    for number in range(10_000):
        assert await jwks.key_for(f"forged-{number}") is None
    assert auth.fetches == 2

    ticks.seconds = 20
    await jwks.key_for("forged")
    assert auth.fetches == 3


async def test_a_new_key_is_found_at_once(auth: Auth, jwks: JwksCache, ticks: Ticks) -> None:
    await jwks.key_for("key-1")
    auth.keys.append(public_entry("key-2"))
    ticks.seconds = 11

    assert await jwks.key_for("key-2") is not None


async def test_a_withdrawn_key_is_forgotten_within_a_minute(
    auth: Auth, jwks: JwksCache, ticks: Ticks
) -> None:
    await jwks.key_for("key-1")
    auth.keys = [public_entry("key-2")]
    ticks.seconds = 60
    assert await jwks.key_for("key-1") is not None  # this use asks in the background
    await jwks.close()

    assert await jwks.key_for("key-1") is None


async def test_while_auth_is_away_known_keys_verify_for_hours(
    auth: Auth, jwks: JwksCache, ticks: Ticks
) -> None:
    await jwks.key_for("key-1")
    auth.failing = True
    for ticks.seconds in (61, 600, 3_600, 4 * 3_600 - 1):
        assert await jwks.key_for("key-1") is not None
    await jwks.close()

    ticks.seconds = 4 * 3_600 + 1
    with pytest.raises(KeysUnavailable) as error:
        await jwks.key_for("key-1")
    assert error.value.status == 503

    auth.failing = False
    ticks.seconds += 10
    assert await jwks.key_for("key-1") is not None


async def test_at_the_start_auth_is_asked_again_soon(
    auth: Auth, jwks: JwksCache, ticks: Ticks
) -> None:
    auth.failing = True
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            await jwks.key_for("key-1")
    assert auth.fetches == 1

    auth.failing = False
    ticks.seconds = 0.5
    assert await jwks.key_for("key-1") is not None


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b'{"keys": {}}', b'{"keys": []}', b" " * 70_000]
)
async def test_a_broken_document_never_replaces_good_keys(
    auth: Auth, jwks: JwksCache, ticks: Ticks, content: bytes
) -> None:
    await jwks.key_for("key-1")
    auth.content = content
    ticks.seconds = 61
    await jwks.key_for("key-1")
    await jwks.close()

    assert await jwks.key_for("key-1") is not None


async def test_a_primed_cache_asks_nobody(auth: Auth, jwks: JwksCache) -> None:
    await jwks.close()
    jwks.prime({"keys": auth.keys})

    assert await jwks.key_for("key-1") is not None
    assert auth.fetches == 0


def test_only_long_rsa_signature_keys_with_an_id_are_usable() -> None:
    short = base64.urlsafe_b64encode(b"\xff" * 128).rstrip(b"=").decode()
    unusable: list[object] = [
        ECKey.generate_key("P-256").as_dict(private=False),
        OKPKey.generate_key("Ed25519").as_dict(private=False),
        {"kty": "oct", "kid": "hmac", "k": "c2VjcmV0"},
        public_entry("enc", use="enc"),
        public_entry("other-alg", alg="PS256"),
        public_entry("short", n=short),
        public_entry("broken", n="!"),
        public_entry("no-exponent", e=None),
        {"kty": "RSA", "kid": "empty"},
        {"kty": "RSA"},
        "key",
    ]

    assert usable_keys({"keys": [*unusable, public_entry("good")]}).keys() == {"good"}
    with pytest.raises(ValueError, match="no usable key"):
        usable_keys({"keys": unusable})


def test_a_private_key_in_the_document_is_used_as_a_public_one() -> None:
    leaked = {**signing_key().as_dict(private=True), "kid": "leaked"}
    assert not usable_keys({"keys": [leaked]})["leaked"].is_private
