import asyncio
import json
from pathlib import Path

import httpx
import pytest
from cryptography.exceptions import InvalidTag
from joserfc import jws
from joserfc.jwk import RSAKey
from sqlalchemy import select, update

from libs.clock import SystemClock
from libs.database.session import Database
from libs.security.master_key import KeyFile, add_version
from services.auth.errors import SigningKeysUnavailable
from services.auth.models import SigningKey
from services.auth.service.key_rotation import KeyRotation
from services.auth.service.keyring import Keyring
from services.auth.service.making_keys import make_key
from services.auth.service.sealing import KeyEncryption, PrivateKeys
from tests.auth.conftest import StartAuth

SECRET = "a key-encryption key of 32 characters"


@pytest.fixture
def encryption() -> KeyEncryption:
    return KeyEncryption(SECRET)


@pytest.fixture
def private_keys(service_keys: Path) -> PrivateKeys:
    return PrivateKeys(KeyFile(service_keys / "auth.master.json"))


def test_what_is_sealed_opens_with_the_same_secret_and_row_only(encryption: KeyEncryption) -> None:
    sealed = encryption.seal(b"private", "kid-1")

    assert b"private" not in sealed
    assert encryption.seal(b"private", "kid-1") != sealed
    assert encryption.open(sealed, "kid-1") == b"private"
    for other, bound_to, data in (
        (encryption, "kid-2", sealed),
        (KeyEncryption(SECRET[::-1]), "kid-1", sealed),
        (encryption, "kid-1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
    ):
        with pytest.raises(InvalidTag):
            other.open(data, bound_to)


def test_a_short_secret_stops_the_start() -> None:
    with pytest.raises(ValueError, match="32 characters"):
        KeyEncryption("x" * 31)


async def test_a_new_key_is_worth_128_bits(private_keys: PrivateKeys) -> None:
    made = await make_key(private_keys, "us-east-1", "next")
    key = RSAKey.import_key(dict(made.public_jwk)).public_key
    assert key.key_size >= 3_072  # NIST SP 800-57 part 1, table 2
    assert key.public_numbers().e == 65_537


async def test_processes_starting_together_agree_on_one_pair_of_keys(
    database: Database, private_keys: PrivateKeys
) -> None:
    rings = [Keyring(database, private_keys, "us-east-1") for _ in range(4)]

    current = await asyncio.gather(*(ring.current() for ring in rings))

    assert len({kid for kid, _ in current}) == 1
    async with database.transaction() as session:
        keys = (await session.scalars(select(SigningKey))).all()
    assert sorted(key.status for key in keys) == ["current", "next"]
    assert all(b'"d"' not in key.private_key_encrypted for key in keys)
    assert all("d" not in key.public_jwk for key in keys)


async def test_each_region_has_keys_of_its_own_and_publishes_all(
    database: Database, private_keys: PrivateKeys
) -> None:
    here, there = (Keyring(database, private_keys, region) for region in ("us-east-1", "eu-west-1"))
    (kid_here, _), (kid_there, _) = await here.current(), await there.current()

    assert kid_here.startswith("us-east-1-")
    assert kid_there.startswith("eu-west-1-")
    assert len(await there.public_keys()) == 4


async def test_a_rotation_is_noticed_without_a_restart(
    database: Database, private_keys: PrivateKeys
) -> None:
    now = 0.0
    ring = Keyring(database, private_keys, "us-east-1", monotonic=lambda: now)
    first, _ = await ring.current()
    async with database.transaction() as session:
        await session.execute(
            update(SigningKey).where(SigningKey.kid == first).values(status="previous")
        )
        await session.execute(
            update(SigningKey).where(SigningKey.kid != first).values(status="current")
        )
    assert (await ring.current())[0] == first

    now = 16.0
    second, key = await ring.current()
    public = await ring.public_keys()

    assert second != first
    assert [entry["kid"] for entry in public][:2] == sorted([first, second])
    assert len(public) == 3  # previous, current and a new next
    signed = jws.serialize_compact({"alg": "RS256"}, b"x", key, algorithms=["RS256"])
    assert jws.deserialize_compact(signed, key, algorithms=["RS256"]).payload == b"x"


async def test_retired_keys_are_not_published(
    database: Database, private_keys: PrivateKeys
) -> None:
    now = 0.0
    ring = Keyring(database, private_keys, "us-east-1", monotonic=lambda: now)
    await ring.current()
    async with database.transaction() as session:
        await session.execute(
            update(SigningKey).where(SigningKey.status == "next").values(status="retired")
        )
        retired = await session.scalar(select(SigningKey.kid).where(SigningKey.status == "retired"))
    now = 16.0
    assert retired not in {entry["kid"] for entry in await ring.public_keys()}


async def test_keys_once_read_outlive_the_database(
    database: Database, private_keys: PrivateKeys
) -> None:
    now = 0.0
    ring = Keyring(database, private_keys, "us-east-1", monotonic=lambda: now)
    kid, _ = await ring.current()
    ring._database = unreachable = Database(
        "postgresql://nobody@127.0.0.1:1/none", application_name="test"
    )
    now = 16.0
    assert (await ring.current())[0] == kid

    with pytest.raises(SigningKeysUnavailable):
        await Keyring(unreachable, private_keys, "us-east-1").current()
    await unreachable.close()


async def test_another_master_key_cannot_sign(
    database: Database, private_keys: PrivateKeys, tmp_path: Path
) -> None:
    await Keyring(database, private_keys, "us-east-1").current()
    add_version(tmp_path / "another.json")
    another = PrivateKeys(KeyFile(tmp_path / "another.json"))
    with pytest.raises(SigningKeysUnavailable):
        await Keyring(database, another, "us-east-1").current()


async def test_a_key_sealed_before_the_master_key_signs_while_its_secret_is_given(
    database: Database, private_keys: PrivateKeys, encryption: KeyEncryption, service_keys: Path
) -> None:
    await seal_as_before(database, private_keys, encryption)
    both = PrivateKeys(KeyFile(service_keys / "auth.master.json"), encryption)

    kid, key = await Keyring(database, both, "us-east-1").current()
    for without in (
        private_keys,
        PrivateKeys(KeyFile(service_keys / "auth.master.json"), KeyEncryption(SECRET[::-1])),
    ):
        with pytest.raises(SigningKeysUnavailable):
            await Keyring(database, without, "us-east-1").current()

    rotation = KeyRotation(database, both, "us-east-1", SystemClock())
    assert await rotation.rewrap() == 2
    assert await Keyring(database, private_keys, "us-east-1").current() == (kid, key)


async def seal_as_before(
    database: Database, private_keys: PrivateKeys, encryption: KeyEncryption
) -> None:
    """Write the keys as a version did that knew no master key."""
    await Keyring(database, private_keys, "us-east-1").current()
    async with database.transaction() as session:
        for key in (await session.scalars(select(SigningKey))).all():
            private = await private_keys.unwrap(key)
            key.private_key_encrypted = encryption.seal(private, key.kid)
            key.wrapped_by = "secret"


async def test_the_key_set_holds_public_rsa_keys_only(client: httpx.AsyncClient) -> None:
    response = await client.get("/.well-known/jwks.json")

    assert response.headers["Cache-Control"].startswith("public, max-age=60")
    keys = response.json()["keys"]
    assert len(keys) == 2
    for key in keys:
        assert key.keys() == {"kty", "use", "alg", "kid", "n", "e"}
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")


async def test_discovery_and_key_set_agree(client: httpx.AsyncClient) -> None:
    document = (await client.get("/.well-known/openid-configuration")).json()

    assert document["issuer"] == "https://auth.meridian.test"
    assert document["jwks_uri"] == "https://auth.meridian.test/.well-known/jwks.json"
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]
    assert "orders:write" in document["scopes_supported"]


async def test_auth_starts_without_its_database_and_says_so(start_auth: StartAuth) -> None:
    client = await start_auth(database_url="postgresql://nobody@127.0.0.1:1/none")

    response = await client.get("/.well-known/jwks.json")

    assert (response.status_code, response.json()["code"]) == (503, "signing_keys_unavailable")
    assert response.headers["Retry-After"]
    assert "postgresql" not in json.dumps(response.json())
    assert (await client.get("/livez")).status_code == 200
