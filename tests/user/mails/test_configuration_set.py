"""What SES is asked for, read off the wire: the emulator takes a configuration set without a look at it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from libs.aws import aws_session
from libs.topology import MASTER_REGION
from services.user.clients.ses import open_ses
from services.user.domain.mails import Letter, NotAccepted

SENDER = "shop@example.org"
LETTER = Letter(subject="Hello", text="Hello", html="<p>Hello</p>")
TAKEN = (200, "", {"MessageId": "1"})
MISSING = (
    400,
    "BadRequestException",
    {"message": "Configuration set <meridian-prod> does not exist."},
)
MALFORMED = (400, "BadRequestException", {"message": "Missing final '@domain'"})

Answer = tuple[int, str, dict[str, str]]


@dataclass
class Counter:
    """Stands where SES does, answers always the same, and keeps what it was asked."""

    answer: Answer
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        self.asked.append(json.loads(await reader.readexactly(length)))
        status, kind, body = self.answer
        told = json.dumps(body)
        lines = [
            f"HTTP/1.1 {status} So",
            f"x-amzn-errortype: {kind}",
            f"content-length: {len(told)}",
        ]
        writer.write("\r\n".join([*lines, "connection: close", "", told]).encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def counter(answer: Answer) -> AsyncIterator[Counter]:
    standing = Counter(answer)
    server = await asyncio.start_server(standing.serve, "127.0.0.1", 0)
    async with server:
        standing.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield standing


async def send(at: Counter, configuration_set: str | None) -> None:
    session = aws_session(MASTER_REGION, at.url)
    async with open_ses(session, at.url, SENDER, configuration_set) as mailer:
        await mailer.send("ada@example.org", LETTER)


async def test_mails_are_sent_with_the_configuration_set_that_is_named() -> None:
    async with counter(TAKEN) as ses:
        await send(ses, "meridian-prod")
        await send(ses, None)
    assert [one.get("ConfigurationSetName") for one in ses.asked] == ["meridian-prod", None]
    assert {one["FromEmailAddress"] for one in ses.asked} == {SENDER}


@pytest.mark.parametrize(("answer", "for_good"), [(MISSING, False), (MALFORMED, True)])
async def test_a_set_that_is_not_made_yet_is_waited_for(answer: Answer, *, for_good: bool) -> None:
    async with counter(answer) as ses:
        with pytest.raises(NotAccepted) as refused:
            await send(ses, "meridian-prod")
    assert refused.value.for_good == for_good
