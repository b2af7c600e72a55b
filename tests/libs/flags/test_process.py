"""A source that comes and goes, changes and breaks: what is in force is always the last good document."""

import logging
from pathlib import Path

import pytest

from libs.flags.flags import Flag, Flags
from libs.flags.process import Reader, open_flags
from libs.flags.provider import DocumentProvider
from libs.flags.sources import FileSource
from libs.observability.metrics import configure_metrics, render_metrics
from libs.testing.flags import FlagsFile
from libs.testing.plugin import SettingsFor
from libs.testing.waiting import eventually

OPEN = Flag("checkout_open", default=True, description="Orders are taken")


class Watched:
    """A reader of a file, on a clock that stands still."""

    def __init__(self, file: FlagsFile) -> None:
        self.seconds = 0.0
        provider = DocumentProvider()
        self.flags = Flags(provider)
        source = FileSource(Path(file.place.removeprefix("file:")))
        self.reader = Reader(source, provider, elapsed=lambda: self.seconds)

    async def read(self) -> bool:
        await self.reader.read()
        return self.flags.is_on(OPEN)


@pytest.fixture
def file(tmp_path: Path) -> FlagsFile:
    return FlagsFile(tmp_path / "flags.json")


@pytest.fixture
def watched(file: FlagsFile) -> Watched:
    return Watched(file)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]


def failed_reads() -> float:
    for line in render_metrics()[0].decode().splitlines():
        if line.startswith("feature_flags_reads_failed_total"):
            return float(line.rpartition(" ")[2])
    return 0


async def test_a_file_that_changes_is_read_again(file: FlagsFile, watched: Watched) -> None:
    file.turn(checkout_open=False)
    assert not await watched.read()
    file.turn(checkout_open=True)
    assert await watched.read()


async def test_without_a_document_the_defaults_hold_and_one_line_says_so(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    assert await watched.read()
    assert await watched.read()
    [line] = warnings(caplog)
    assert "flags_not_read" in line
    assert "FileNotFoundError" in line


@pytest.mark.parametrize("broken", ["", '{"checkout_open": {"enabled": true}, "x": 1}'])
async def test_the_last_good_document_holds_while_the_source_is_broken_or_away(
    file: FlagsFile, watched: Watched, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    file.turn(checkout_open=False)
    assert not await watched.read()
    file.write(broken)
    assert not await watched.read()
    assert not await watched.read()
    assert len(warnings(caplog)) == 1
    file.remove()
    assert not await watched.read()
    assert len(warnings(caplog)) == 2, "another trouble is another line"
    file.turn(checkout_open=True)
    assert await watched.read()


async def test_the_age_grows_until_the_source_confirms_what_is_in_force(
    file: FlagsFile, watched: Watched
) -> None:
    watched.seconds = 30
    await watched.read()
    assert watched.reader.age() == 30, "since the start, if nobody ever did"
    file.turn(checkout_open=True)
    await watched.read()
    watched.seconds = 50
    assert watched.reader.age() == 20
    await watched.read()
    assert watched.reader.age() == 0, "unchanged is confirmed"
    file.write("{")
    watched.seconds = 60
    await watched.read()
    await watched.read()
    assert watched.reader.age() == 10, (
        "a document that was refused is not in force, unchanged as it is"
    )
    file.turn(checkout_open=True)
    await watched.read()
    assert watched.reader.age() == 0


async def test_failed_readings_are_counted(file: FlagsFile, watched: Watched) -> None:
    configure_metrics("test", "us-east-1", None)
    before = failed_reads()
    await watched.read()
    file.write("{")
    await watched.read()
    assert failed_reads() == before + 2
    file.turn(checkout_open=True)
    await watched.read()
    assert failed_reads() == before + 2


async def test_a_trouble_that_comes_back_is_told_again(
    file: FlagsFile, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    await watched.read()
    file.turn(checkout_open=True)
    await watched.read()
    file.remove()
    await watched.read()
    assert len(warnings(caplog)) == 2


async def test_a_process_reads_before_its_first_request_and_goes_on_reading(
    file: FlagsFile, settings_for: SettingsFor
) -> None:
    configure_metrics("test", "us-east-1", None)
    file.turn(checkout_open=False)
    async with open_flags(settings_for("order", flags=file.place)) as flags:
        assert not flags.is_on(OPEN)
        assert b"feature_flags_age_seconds" in render_metrics()[0]
        file.turn(checkout_open=True)
        await eventually(lambda: flags.is_on(OPEN))
    assert b"feature_flags_age_seconds{" not in render_metrics()[0]


async def test_a_process_that_is_given_no_source_has_the_defaults(
    settings_for: SettingsFor, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_flags(settings_for("order")) as flags:
        assert flags.is_on(OPEN)
    assert warnings(caplog) == []


@pytest.mark.parametrize(
    "place",
    ["checkout_open", "appconfig:shop", "appconfig:shop/prod", "appconfig:a/b/c/d", "file:"],
)
def test_a_source_nobody_knows_stops_the_process(settings_for: SettingsFor, place: str) -> None:
    with pytest.raises(ValueError, match="flags"):
        settings_for("order", flags=place)
