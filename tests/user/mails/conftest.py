"""A mail room over the real database and the emulator's SES, and an address nobody else writes to."""

import secrets
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from libs.aws import aws_session
from libs.database.session import Database
from libs.ids import uuid7
from libs.security.service_tokens import ServiceSigner
from libs.testing.settings import MAIL_FROM
from libs.topology import MASTER_REGION
from local.mail import sent_mails
from local.sender import SenderSettings, verify_sender
from services.user.clients.ses import SesMailer, open_ses
from services.user.domain.mails import MailKind
from services.user.repository.mails import MailRepository
from services.user.service.letters import Letters
from services.user.service.mails import Mailer, MailRoom
from tests.user.mails.neighbours import USER, Neighbours, clients

OpenMailer = Callable[[], AbstractAsyncContextManager[Mailer]]

SHOP_URL = "https://shop.example.org"


@dataclass
class Post:
    """What a test does: queue, send, and look into the reader's mailbox."""

    database: Database
    neighbours: Neighbours
    signer: ServiceSigner
    endpoint: str

    async def queue(self, kind: MailKind, about: str, event_id: UUID | None = None) -> UUID:
        event_id = event_id or uuid7()
        async with self.database.transaction() as session:
            await MailRepository(session).queue(event_id, kind, USER, about)
        return event_id

    def ses(self) -> AbstractAsyncContextManager[SesMailer]:
        session = aws_session(MASTER_REGION, self.endpoint)
        return open_ses(session, self.endpoint, MAIL_FROM)

    async def send_due(self, open_mailer: OpenMailer | None = None) -> int:
        async with self.neighbours.http() as http:
            auth, order = clients(http, self.signer)
            room = MailRoom(self.database, auth, order, Letters(SHOP_URL), open_mailer or self.ses)
            return await room.send_due()

    def mailbox(self) -> list[dict[str, object]]:
        return sent_mails(self.endpoint, self.neighbours.email)

    async def rows(self) -> list[tuple[str, int, int]]:
        async with self.database.transaction() as session:
            found = await session.execute(
                text("SELECT state, attempts, doubts FROM mails_sent ORDER BY created_at")
            )
            return [(row.state, row.attempts, row.doubts) for row in found]

    async def time_passes(self) -> None:
        """Let every pause and every lease run out."""
        async with self.database.transaction() as session:
            await session.execute(text("UPDATE mails_sent SET next_attempt_at = now()"))


@pytest.fixture
async def post(database: Database, ministack: str, service_keys: Path) -> Post:
    await verify_sender(
        SenderSettings(region=MASTER_REGION, aws_endpoint_url=ministack, mail_from=MAIL_FROM)
    )
    neighbours = Neighbours(f"ada.{secrets.token_hex(8)}@example.org")
    signer = ServiceSigner("user", service_keys / "user.key.json")
    return Post(database, neighbours, signer, ministack)
