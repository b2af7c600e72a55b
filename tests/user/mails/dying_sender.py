"""Sends what is due and is killed at a named moment: `python -m tests.user.mails.dying_sender MOMENT DATABASE SES KEYS EMAIL`."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from typing_extensions import override

from libs.aws import aws_session
from libs.database.session import Database
from libs.security.service_tokens import ServiceSigner
from libs.testing.settings import MAIL_FROM
from libs.topology import MASTER_REGION
from services.user.clients.auth import AuthClient, MailToken
from services.user.clients.ses import open_ses
from services.user.domain.mails import Letter
from services.user.service.letters import Letters
from services.user.service.mails import Mailer, MailRoom
from tests.user.mails.neighbours import Neighbours, clients

MOMENTS = ("while it writes", "before SES has it", "after SES has it")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingAuth(AuthClient):
    """Asks auth, and does not live to use the answer."""

    @override
    async def mint_mail_token(self, request_id: str) -> MailToken | None:
        await super().mint_mail_token(request_id)
        die()
        return None


class DyingMailer:
    """Hands a mail over and dies before or after."""

    def __init__(self, mailer: Mailer, moment: str) -> None:
        self._mailer = mailer
        self._moment = moment

    async def send(self, to: str, letter: Letter, /) -> str:
        if self._moment == "before SES has it":
            die()
        message_id = await self._mailer.send(to, letter)
        die()
        return message_id


async def main(moment: str, database_url: str, endpoint: str, keys: str, email: str) -> None:
    @asynccontextmanager
    async def dying() -> AsyncIterator[Mailer]:
        async with open_ses(aws_session(MASTER_REGION, endpoint), endpoint, MAIL_FROM) as mailer:
            yield DyingMailer(mailer, moment)

    signer = ServiceSigner("user", Path(keys) / "user.key.json")
    async with Neighbours(email).http() as http:
        auth, order = clients(http, signer)
        if moment == "while it writes":
            auth = DyingAuth(auth._client)
        database = Database(database_url, application_name="dying-sender")
        await MailRoom(database, auth, order, Letters("https://shop.example.org"), dying).send_due()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
