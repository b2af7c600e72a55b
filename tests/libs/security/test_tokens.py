"""Access tokens: a correct one names its principal, every other one is refused without a word on why."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from joserfc.jwk import RSAKey

from libs.security.errors import InvalidToken
from libs.security.tokens import TokenVerifier
from tests.libs.security.issuer import NOW, Hand, Issuer, part, signing_key

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
