"""Two processes of auth sign, six services verify, and the keys change meanwhile: no token is refused that is not meant to be."""

import asyncio
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from joserfc import jws

from libs.clock import utc_now
from libs.database.session import Database
from libs.ids import uuid7
from libs.security.errors import InvalidToken
from libs.security.master_key import KeyFile
from libs.security.tokens import FRESH_SECONDS, JwksCache, TokenVerifier
from libs.testing.scale import trials
from libs.testing.waiting import FrozenClock
from services.auth.domain.families import ACCESS_TOKEN_LIFETIME
from services.auth.domain.signing_keys import KNOWN_AFTERWARDS, PUBLISHED_AHEAD
from services.auth.service.key_rotation import KeyRotation, NextKeyTooYoung
from services.auth.service.keyring import RELOAD_SECONDS, Keyring
from services.auth.service.sealing import PrivateKeys
from tests.architecture.applications import ROOT

REGION = "us-east-1"
ISSUER, AUDIENCE = "https://auth.test", "meridian"
LIFETIME = int(ACCESS_TOKEN_LIFETIME.total_seconds())


@dataclass
class Shop:
    """Signers and verifiers on one clock that is turned by hand."""

    clock: FrozenClock
    signers: Sequence[Keyring]
    rotation: KeyRotation
    chance: random.Random
    verifiers: list[TokenVerifier] = field(default_factory=list)

    def __post_init__(self) -> None:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        for _ in range(6):
            keys = JwksCache(f"{ISSUER}/jwks", http, self.seconds)
            self.verifiers.append(TokenVerifier(keys, ISSUER, AUDIENCE, self.clock))

    def seconds(self) -> float:
        return self.clock.now().timestamp()

    async def token(self) -> str:
        kid, key = await self.chance.choice(self.signers).current()
        now = int(self.seconds())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "usr_1",
            "client_id": "web",
            "home_region": REGION,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": str(uuid7()),
        }
        header = {"alg": "RS256", "typ": "at+jwt", "kid": kid}
        return jws.serialize_compact(header, json.dumps(claims), key, algorithms=["RS256"])

    async def accepted(self, token: str, verifier: TokenVerifier | None = None) -> bool:
        try:
            await (verifier or self.chance.choice(self.verifiers)).verify(token)
        except InvalidToken:
            return False
        return True

    async def _answer(self, _request: httpx.Request) -> httpx.Response:
        keys = await self.chance.choice(self.signers).public_keys()
        return httpx.Response(200, json={"keys": list(keys)})


@pytest.fixture
async def shop(database: Database, service_keys: Path) -> Shop:
    clock = FrozenClock(utc_now())
    private_keys = PrivateKeys(KeyFile(service_keys / "auth.master.json"))
    rotation = KeyRotation(database, private_keys, REGION, clock)
    await rotation.keys()
    signers = [
        Keyring(database, private_keys, REGION, lambda: clock.now().timestamp()) for _ in range(2)
    ]
    return Shop(clock, signers, rotation, random.Random(6))  # noqa: S311 - which process is asked


async def test_no_token_is_refused_while_keys_rotate(shop: Shop) -> None:
    verifications, rotations, alive = 0, 0, list[tuple[float, str]]()
    while verifications < trials(600, 10_000):
        shop.clock.advance(seconds=shop.chance.uniform(1, 20))
        if shop.chance.random() < 0.05:
            try:
                rotations += await shop.rotation.rotate() is not None
            except NextKeyTooYoung:
                await shop.rotation.tend(10 * PUBLISHED_AHEAD)
        alive.append((shop.seconds() + LIFETIME - 1, await shop.token()))
        due = [one for one in alive if one[0] < shop.seconds() + 20]
        alive = [one for one in alive if one not in due]
        for _, token in [alive[-1] if alive else due[-1], *due]:
            assert await shop.accepted(token)
            verifications += 1
        await asyncio.sleep(0)
    assert rotations >= trials(2, 30)


async def test_a_revoked_keys_tokens_are_refused_everywhere_within_a_minute_and_no_others(
    shop: Shop,
) -> None:
    for _ in range(trials(3, 100)):
        leaked = await shop.token()
        for verifier in shop.verifiers:
            assert await shop.accepted(leaked, verifier)
        busy = shop.verifiers[: shop.chance.randrange(7)]
        (current,) = [key.kid for key in await shop.rotation.keys() if key.status == "current"]
        await shop.rotation.revoke(current)
        for _ in range(4):
            shop.clock.advance(seconds=15)
            for verifier in busy:
                await shop.accepted(leaked, verifier)
            await asyncio.sleep(0)
        fresh = await shop.token()
        for verifier in shop.verifiers:
            assert not await shop.accepted(leaked, verifier)
            assert await shop.accepted(fresh, verifier)
        shop.clock.advance(seconds=PUBLISHED_AHEAD.total_seconds())


def test_a_key_is_published_for_twice_as_long_as_anybody_keeps_the_set() -> None:
    """Services, the gateways of each shape, and CloudFront, whose word for it is in the route table."""
    envoy = (ROOT / "deploy" / "gateway" / "envoy.yaml").read_text()
    kept = [int(seconds) for seconds in re.findall(r"cache_duration: (\d+)s", envoy)]
    routes = json.loads((ROOT / "deploy" / "gateway" / "routes.json").read_text())["routes"]
    (route,) = [one for one in routes if one.get("exact") == "/.well-known/jwks.json"]
    assert kept
    assert route["cache"] == "five_minutes"
    longest = max(FRESH_SECONDS + RELOAD_SECONDS, 300, *kept)
    assert PUBLISHED_AHEAD.total_seconds() >= 2 * longest
    assert KNOWN_AFTERWARDS > 2 * ACCESS_TOKEN_LIFETIME
