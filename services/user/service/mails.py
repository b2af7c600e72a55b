"""Sends what people are told by mail: claimed, written, handed over, recorded.

SES knows no idempotency key. So the mail is recorded as handed over before SES gets it: a process that dies before that
has sent nothing and the mail is tried again; one that dies after may have sent it, and it is sent once more at most.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from libs.database.session import Database
from libs.observability.logging import get_logger
from libs.observability.metrics import counter
from services.user.clients.auth import AuthClient
from services.user.clients.order import OrderClient
from services.user.domain.mails import (
    Letter,
    MailKind,
    MailState,
    NotAccepted,
    OutcomeUnknown,
    pause_before_trying_again,
    reason_to_give_up,
)
from services.user.errors import ProfileNotFound
from services.user.models import Mail
from services.user.repository.mails import MailRepository
from services.user.repository.profiles import ProfileRepository
from services.user.service.letters import Letters

BATCH: Final = 10
"""Mails on their way at once; SES lets a new account send fourteen in a second."""

_DEFAULT_LOCALE: Final = "en-US"

log = get_logger(__name__)
_mails = counter(
    "mails", unit="{mail}", description="Mails by kind and what became of the attempt."
)


class Mailer(Protocol):
    """Hands one mail over."""

    async def send(self, to: str, letter: Letter, /) -> str: ...


@dataclass(frozen=True)
class Addressed:
    """A letter and whom it goes to."""

    to: str
    letter: Letter


class MailRoom:
    """Sends the mails that are due; any number of processes may do so at the same time."""

    def __init__(
        self,
        database: Database,
        auth: AuthClient,
        orders: OrderClient,
        letters: Letters,
        open_mailer: Callable[[], AbstractAsyncContextManager[Mailer]],
    ) -> None:
        self._database = database
        self._auth = auth
        self._orders = orders
        self._letters = letters
        self._open_mailer = open_mailer

    async def send_due(self) -> int:
        """Send everything that is due and return how many mails were tried."""
        tried = 0
        while True:
            async with self._database.transaction() as session:
                claimed = await MailRepository(session).claim_due(BATCH)
            if not claimed:
                return tried
            async with self._open_mailer() as mailer:
                await asyncio.gather(*(self._send_safely(mailer, mail) for mail in claimed))
            tried += len(claimed)

    async def _send_safely(self, mailer: Mailer, mail: Mail) -> None:
        try:
            outcome = await self._send(mailer, mail)
        except Exception as error:  # one mail that cannot be sent must not hold up the others
            log.exception("mail_not_sent", event_id=str(mail.event_id), kind=mail.kind)
            outcome = "failed"
            async with self._database.transaction() as session:
                pause = pause_before_trying_again(mail.attempts)
                await MailRepository(session).release(mail, pause, type(error).__name__)
        _mails.add(1, {"kind": mail.kind, "outcome": outcome})

    async def _send(self, mailer: Mailer, mail: Mail) -> str:
        reason = reason_to_give_up(mail.attempts, mail.doubts)
        if reason is not None:
            return await self._close(mail, MailState.GIVEN_UP, reason)
        addressed = await self._compose(mail)
        if addressed is None:
            return await self._close(mail, MailState.DROPPED, "nobody waits for it any more")
        async with self._database.transaction() as session:
            if not await MailRepository(session).hand_over(mail):
                return "taken_over"
        return await self._hand_over(mailer, mail, addressed)

    async def _hand_over(self, mailer: Mailer, mail: Mail, addressed: Addressed) -> str:
        try:
            message_id = await mailer.send(addressed.to, addressed.letter)
        except NotAccepted as refusal:
            if refusal.for_good:
                return await self._close(mail, MailState.GIVEN_UP, str(refusal))
            await self._wait(mail, str(refusal))
            return "not_accepted"
        except OutcomeUnknown as doubt:
            pause = pause_before_trying_again(mail.attempts)
            async with self._database.transaction() as session:
                await MailRepository(session).doubt(mail, pause, str(doubt))
            return "unknown"
        async with self._database.transaction() as session:
            await MailRepository(session).finish(mail.event_id, message_id)
        log.info("mail_sent", event_id=str(mail.event_id), kind=mail.kind, user_id=mail.user_id)
        return "sent"

    async def _compose(self, mail: Mail) -> Addressed | None:
        """Write the mail with what is true now; None when there is nothing left to tell, or nobody to tell it to."""
        locale = await self._locale_of(mail.user_id)
        kind = MailKind(mail.kind)
        try:
            if kind is MailKind.ORDER_CONFIRMATION:
                return await self._order_confirmation(mail, locale)
            if kind is MailKind.SECURITY_NOTICE:
                return await self._security_notice(mail, locale)
        except ProfileNotFound:
            return None
        minted = await self._auth.mint_mail_token(mail.about)
        if minted is None or minted.token is None or minted.expires_in is None:
            return None
        letter = self._letters.with_token(kind, locale, minted.token, minted.expires_in)
        return Addressed(minted.email, letter)

    async def _security_notice(self, mail: Mail, locale: str) -> Addressed | None:
        change, _, request_id = mail.about.partition(" ")
        letter = self._letters.security_notice(locale, change)
        if not request_id:
            return Addressed((await self._auth.get(mail.user_id)).email, letter)
        named = await self._auth.mint_mail_token(request_id)
        return None if named is None else Addressed(named.email, letter)

    async def _order_confirmation(self, mail: Mail, locale: str) -> Addressed | None:
        receipt = await self._orders.receipt(mail.about)
        if receipt is None:
            return None
        identity = await self._auth.get(mail.user_id)
        return Addressed(identity.email, self._letters.order_confirmation(locale, receipt))

    async def _locale_of(self, user_id: str) -> str:
        async with self._database.transaction() as session:
            profile = await ProfileRepository(session).find(user_id)
        return _DEFAULT_LOCALE if profile is None else profile.locale

    async def _wait(self, mail: Mail, error: str) -> None:
        async with self._database.transaction() as session:
            pause = pause_before_trying_again(mail.attempts)
            await MailRepository(session).wait(mail, pause, error)

    async def _close(self, mail: Mail, state: MailState, reason: str) -> str:
        async with self._database.transaction() as session:
            await MailRepository(session).close(mail, state, reason)
        log.warning(
            "mail_closed",
            state=state,
            event_id=str(mail.event_id),
            kind=mail.kind,
            reason=reason,
        )
        return state.value
