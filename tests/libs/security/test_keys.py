"""Auth's public keys: fetched once for a crowd, soon when they change, and kept while auth is away."""

import asyncio
import base64

import httpx
import pytest
from joserfc.jwk import ECKey, OKPKey

from libs.security.errors import KeysUnavailable
from libs.security.tokens import JwksCache, usable_keys
from tests.libs.security.issuer import signing_key


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


async def test_a_withdrawn_key_is_refused_after_half_a_minute_even_where_nobody_asked_meanwhile(
    auth: Auth, jwks: JwksCache, ticks: Ticks
) -> None:
    await jwks.key_for("key-1")
    auth.keys = [public_entry("key-2")]
    ticks.seconds = 30
    assert await jwks.key_for("key-1") is None
    assert await jwks.key_for("key-2") is not None
    assert auth.fetches == 2


async def test_a_busy_verifier_never_waits_for_the_next_set(
    auth: Auth, jwks: JwksCache, ticks: Ticks
) -> None:
    await jwks.key_for("key-1")
    auth.keys = [public_entry("key-2")]
    ticks.seconds = 15
    assert await jwks.key_for("key-1") is not None  # this use asks in the background
    await jwks.close()
    assert await jwks.key_for("key-1") is None
    assert auth.fetches == 2


async def test_while_auth_is_away_one_use_waits_for_it_and_no_other(
    auth: Auth, jwks: JwksCache, ticks: Ticks
) -> None:
    await jwks.key_for("key-1")
    auth.failing = True
    ticks.seconds = 30
    assert await jwks.key_for("key-1") is not None
    assert auth.fetches == 2
    ticks.seconds = 50
    assert await jwks.key_for("key-1") is not None
    assert auth.fetches == 2  # the fetch of this use has only begun
    await jwks.close()
    assert auth.fetches == 3


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


async def test_while_auth_is_away_a_key_that_may_be_new_is_not_called_unknown(
    auth: Auth, jwks: JwksCache, ticks: Ticks
) -> None:
    await jwks.key_for("key-1")
    auth.keys.append(public_entry("key-2"))
    auth.failing = True
    ticks.seconds = 3_600
    for _ in range(5):
        with pytest.raises(KeysUnavailable) as error:
            await jwks.key_for("key-2")
        assert error.value.status == 503
        assert await jwks.key_for("key-1") is not None
    assert auth.fetches == 2, "one for all of them"

    auth.failing = False
    ticks.seconds += 10
    assert await jwks.key_for("key-2") is not None
    assert await jwks.key_for("forged") is None


async def test_a_fresh_key_set_tells_a_forged_id_though_auth_went_away(
    auth: Auth, jwks: JwksCache, ticks: Ticks
) -> None:
    await jwks.key_for("key-1")
    auth.failing = True
    ticks.seconds = 29
    assert await jwks.key_for("forged") is None
    assert auth.fetches == 2


async def test_an_issuer_that_drips_is_given_up() -> None:
    left = asyncio.Event()

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer without end, and never silent for long enough to be noticed."""
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.05)
        left.set()

    async with (
        asyncio.timeout(60),
        await asyncio.start_server(drip, "127.0.0.1", 0) as server,
        httpx.AsyncClient() as http,
    ):
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(KeysUnavailable):
            await JwksCache(f"http://127.0.0.1:{port}/jwks", http).key_for("key-1")
        await left.wait()


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
