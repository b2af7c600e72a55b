"""The master key: a file's versions, KMS with its context, and moving from one to the other."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.aws import aws_session
from libs.security.master_key import (
    KeyFile,
    MasterKeyError,
    MasterKeyUnavailable,
    WrappedElsewhere,
    add_version,
    look_at,
    open_master_key,
)
from libs.settings import MasterKeySettings
from libs.testing.settings import NOBODY_LISTENS
from libs.topology import MASTER_REGION

DATA_KEY = bytes(range(32))
OURS = {"service": "user", "purpose": "data-key"}
THEIRS = {"service": "order", "purpose": "data-key"}


def settings(place: str, endpoint: str, previous: str | None = None) -> MasterKeySettings:
    return MasterKeySettings(
        region=MASTER_REGION,
        aws_endpoint_url=endpoint,
        master_key=place,
        master_key_previous=previous,
    )


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "master.json"
    add_version(path)
    return path


async def test_a_wrapped_key_opens_for_the_same_context_only(key_file: Path) -> None:
    master = KeyFile(key_file)
    wrapped = await master.wrap(DATA_KEY, OURS)
    assert DATA_KEY not in wrapped
    assert await master.unwrap(wrapped, dict(reversed(OURS.items()))) == DATA_KEY
    with pytest.raises(WrappedElsewhere, match="another's key"):
        await master.unwrap(wrapped, THEIRS)
    with pytest.raises(WrappedElsewhere):
        await master.unwrap(wrapped[:-1] + bytes([wrapped[-1] ^ 1]), OURS)


async def test_wrapping_the_same_key_twice_looks_different(key_file: Path) -> None:
    master = KeyFile(key_file)
    assert await master.wrap(DATA_KEY, OURS) != await master.wrap(DATA_KEY, OURS)


async def test_a_new_version_wraps_and_the_old_ones_go_on_opening(key_file: Path) -> None:
    running, wrapped = KeyFile(key_file), await KeyFile(key_file).wrap(DATA_KEY, OURS)
    assert add_version(key_file) == 2
    anew = await KeyFile(key_file).wrap(DATA_KEY, OURS)
    assert (wrapped[4], anew[4]) == (1, 2)
    assert await running.unwrap(anew, OURS) == DATA_KEY  # a process that started before
    assert await running.unwrap(wrapped, OURS) == DATA_KEY


async def test_a_version_the_file_lost_is_named(key_file: Path, tmp_path: Path) -> None:
    add_version(key_file)
    wrapped = await KeyFile(key_file).wrap(DATA_KEY, OURS)
    add_version(tmp_path / "another.json")
    with pytest.raises(WrappedElsewhere, match="has no version 2"):
        await KeyFile(tmp_path / "another.json").unwrap(wrapped, OURS)


def test_only_its_owner_reads_the_file(key_file: Path) -> None:
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"one": "AA=="}', '{"1": "AA=="}'])
def test_a_damaged_file_says_what_to_do(key_file: Path, content: str) -> None:
    key_file.write_text(content)
    with pytest.raises(MasterKeyError, match="bring it back"):
        look_at(f"file:{key_file}")


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError, match=r"python -m libs\.security master-key"):
        look_at(f"file:{tmp_path / 'none.json'}")


def test_what_kms_has_is_not_looked_for_at_start() -> None:
    look_at("kms:alias/meridian-prod-personal")


@pytest.fixture
async def kms_key(ministack: str) -> AsyncIterator[str]:
    session = aws_session(MASTER_REGION, ministack)
    async with session.client("kms", endpoint_url=ministack) as kms:
        made = await kms.create_key(Description="personal data")
        yield made["KeyMetadata"]["Arn"]


async def test_kms_opens_what_it_wrapped_for_the_same_context_only(
    kms_key: str, ministack: str
) -> None:
    async with open_master_key(settings(f"kms:{kms_key}", ministack)) as master:
        wrapped = await master.wrap(DATA_KEY, OURS)
        assert DATA_KEY not in wrapped
        assert await master.unwrap(wrapped, OURS) == DATA_KEY
        with pytest.raises(WrappedElsewhere):
            await master.unwrap(wrapped, THEIRS)


async def test_while_moving_to_kms_what_the_file_wrapped_still_opens(
    key_file: Path, kms_key: str, ministack: str
) -> None:
    before = await KeyFile(key_file).wrap(DATA_KEY, OURS)
    previous = f"file:{key_file}"
    async with open_master_key(settings(f"kms:{kms_key}", ministack, previous)) as master:
        assert await master.unwrap(before, OURS) == DATA_KEY
        after = await master.wrap(DATA_KEY, OURS)
        with pytest.raises(WrappedElsewhere, match="not wrapped by a key file"):
            await KeyFile(key_file).unwrap(after, OURS)
        with pytest.raises(WrappedElsewhere, match="KMS"):
            await master.unwrap(b"\x09unknown", OURS)


async def test_kms_that_does_not_answer_is_told_from_a_wrong_key() -> None:
    async with open_master_key(settings("kms:alias/none", NOBODY_LISTENS)) as master:
        with pytest.raises(MasterKeyUnavailable, match="does not answer"):
            await master.wrap(DATA_KEY, OURS)
