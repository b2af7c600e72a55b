"""Where the document comes from: a file, or AWS AppConfig."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from aiobotocore.config import AioConfig

from libs.aws import aws_session
from libs.settings import ServiceSettings

_FILE_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 30
"""What we ask for; AppConfig answers with the pause it wants, and allows none under 15 seconds."""
_CONNECT_SECONDS: Final = 1
_READ_SECONDS: Final = 2
"""A process that starts waits for its first document as long; later readings hold nobody up."""


class Source(Protocol):
    """Something a document is read from, again and again."""

    @property
    def pause_seconds(self) -> float:
        """How long to wait before the next reading."""

    async def read(self) -> bytes | None:
        """Return the document if it is another one than at the last reading; any exception means that it could not be read."""


class FileSource:
    """A file, such as a person edits on their own machine."""

    pause_seconds = _FILE_SECONDS

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: bytes | None = None

    async def read(self) -> bytes | None:
        content = await asyncio.to_thread(self._path.read_bytes)
        changed, self._last = content != self._last, content
        return content if changed else None


class AppConfigSource:
    """A profile of feature flags in AppConfig; `client` is an aioboto3 client of `appconfigdata`."""

    def __init__(self, client: Any, application: str, environment: str, profile: str) -> None:
        self.pause_seconds: float = _POLL_SECONDS
        self._client = client
        self._what = {
            "ApplicationIdentifier": application,
            "EnvironmentIdentifier": environment,
            "ConfigurationProfileIdentifier": profile,
        }
        self._token: str | None = None

    async def read(self) -> bytes | None:
        # A token is good for one call. Whatever goes wrong with that, the next reading begins a session of its own,
        # which hands the whole document out again; an empty answer says that it is the one of before.
        token, self._token = self._token or await self._begin(), None
        answer = await self._client.get_latest_configuration(ConfigurationToken=token)
        content: bytes = await answer["Configuration"].read()
        self._token = answer["NextPollConfigurationToken"]
        self.pause_seconds = answer["NextPollIntervalInSeconds"]
        return content or None

    async def _begin(self) -> str:
        begun = await self._client.start_configuration_session(
            **self._what, RequiredMinimumPollIntervalInSeconds=_POLL_SECONDS
        )
        return str(begun["InitialConfigurationToken"])


@asynccontextmanager
async def open_source(place: str, settings: ServiceSettings) -> AsyncIterator[Source]:
    """Open what `FLAGS` names, `file:<path>` or `appconfig:<application>/<environment>/<profile>`; nothing is read yet."""
    kind, _, name = place.partition(":")
    if kind == "file":
        yield FileSource(Path(name))
        return
    config = AioConfig(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 1},  # the next reading is the retry
    )
    endpoint = settings.aws_endpoint_url
    session = aws_session(settings.region, endpoint)
    async with session.client("appconfigdata", endpoint_url=endpoint, config=config) as client:
        yield AppConfigSource(client, *name.split("/"))
