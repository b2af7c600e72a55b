import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from libs.aws import aws_session
from libs.testing.scale import trials
from libs.topology import MASTER_REGION
from services.user.clients.ses import open_ses
from services.user.domain.mails import (
    MOST_ATTEMPTS,
    Letter,
    MailKind,
    MailState,
    NotAccepted,
    OutcomeUnknown,
)
from services.user.repository.mails import MailRepository
from services.user.service.mails import Mailer
from tests.user.mails.conftest import SHOP_URL, Post
from tests.user.mails.neighbours import ORDER, REQUEST


class Failing:
    """A mail server that answers as told."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def send(self, _to: str, _letter: Letter) -> str:
        raise self._error


@asynccontextmanager
async def failing_with(error: Exception) -> AsyncIterator[Mailer]:
    yield Failing(error)


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        (MailKind.EMAIL_VERIFICATION, "verify-email"),
        (MailKind.PASSWORD_RESET, "reset-password"),
        (MailKind.EMAIL_CHANGE, "change-email"),
    ],
)
async def test_a_mail_carries_the_secret_that_was_minted_for_it(
    post: Post, kind: MailKind, page: str
) -> None:
    await post.queue(kind, REQUEST)
    assert await post.send_due() == 1
    [mail] = post.mailbox()
    assert post.neighbours.minted == ["secret-0"]
    assert f"{SHOP_URL}/{page}#token=secret-0" in str(mail["BodyText"])
    assert f"{SHOP_URL}/{page}#token=secret-0" in str(mail["BodyHtml"])
    assert await post.rows() == [("sent", 1, 0)]


async def test_a_confirmed_order_is_told_with_its_lines_and_sums(post: Post) -> None:
    await post.queue(MailKind.ORDER_CONFIRMATION, ORDER)
    await post.send_due()
    [mail] = post.mailbox()
    assert "2 x Enamel <mug> & lid: 30.00 USD" in str(mail["BodyText"])
    assert "Enamel &lt;mug&gt; &amp; lid" in str(mail["BodyHtml"])
    assert "Total: 37.55 USD" in str(mail["BodyText"])


async def test_a_notice_goes_to_the_address_its_request_names(post: Post) -> None:
    await post.queue(MailKind.SECURITY_NOTICE, f"email_changed {REQUEST}")
    await post.queue(MailKind.SECURITY_NOTICE, "passkey_added")
    await post.send_due()
    assert len(post.mailbox()) == 2
    assert post.neighbours.minted == ["secret-0"], "only the first one named a request"


async def test_one_event_makes_one_mail_however_often_it_is_told_and_however_many_send(
    post: Post,
) -> None:
    event_id = await post.queue(MailKind.ORDER_CONFIRMATION, ORDER)
    for _ in range(3):
        await post.queue(MailKind.ORDER_CONFIRMATION, ORDER, event_id)
    await asyncio.gather(*(post.send_due() for _ in range(4)))
    await post.time_passes()
    await post.send_due()
    assert len(post.mailbox()) == 1


async def test_many_senders_send_each_mail_once(post: Post) -> None:
    mails = trials(25, 500)
    for _ in range(mails):
        await post.queue(MailKind.SECURITY_NOTICE, "mfa_enabled")
    tried = await asyncio.gather(*(post.send_due() for _ in range(3)))
    assert sum(tried) == mails
    assert len(post.mailbox()) == mails


async def test_a_request_that_is_over_is_not_mailed_about(post: Post) -> None:
    post.neighbours.is_over = True
    await post.queue(MailKind.PASSWORD_RESET, REQUEST)
    await post.queue(MailKind.SECURITY_NOTICE, "mfa_enabled")
    await post.queue(MailKind.ORDER_CONFIRMATION, ORDER)
    await post.send_due()
    assert [state for state, _, _ in await post.rows()] == [MailState.DROPPED] * 3
    assert post.mailbox() == []


async def test_a_mail_waits_while_auth_is_away(post: Post) -> None:
    post.neighbours.is_away = True
    await post.queue(MailKind.PASSWORD_RESET, REQUEST)
    await post.send_due()
    assert await post.rows() == [("waiting", 1, 0)]
    assert await post.send_due() == 0, "not before its pause is over"
    post.neighbours.is_away = False
    await post.time_passes()
    await post.send_due()
    assert len(post.mailbox()) == 1


async def test_a_throttled_mail_is_tried_again_and_given_up_at_last(post: Post) -> None:
    busy = partial(failing_with, NotAccepted("TooManyRequestsException", for_good=False))
    await post.queue(MailKind.PASSWORD_RESET, REQUEST)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        await post.send_due(busy)
        assert await post.rows() == [("waiting", attempt, 0)]
        await post.time_passes()
    await post.send_due(busy)
    assert [state for state, _, _ in await post.rows()] == [MailState.GIVEN_UP]


async def test_a_mail_refused_for_good_is_given_up_and_can_be_revived(post: Post) -> None:
    await post.queue(MailKind.SECURITY_NOTICE, "mfa_enabled")
    await post.send_due(partial(failing_with, NotAccepted("BadRequestException", for_good=True)))
    assert await post.rows() == [("given_up", 1, 0)]
    await post.time_passes()
    assert await post.send_due() == 0
    async with post.database.transaction() as session:
        assert await MailRepository(session).revive() == 1
    await post.send_due()
    assert len(post.mailbox()) == 1


async def test_a_sender_that_is_not_verified_yet_is_waited_for(post: Post) -> None:
    session_of = partial(_ses_from, post.endpoint, "nobody@not-verified.example")
    await post.queue(MailKind.SECURITY_NOTICE, "mfa_enabled")
    await post.send_due(session_of)
    assert await post.rows() == [("waiting", 1, 0)]


async def test_an_answer_that_never_came_is_worth_one_more_mail_and_no_third(post: Post) -> None:
    silent = partial(failing_with, OutcomeUnknown("ReadTimeoutError"))
    await post.queue(MailKind.SECURITY_NOTICE, "mfa_enabled")
    for doubts in (0, 1):
        await post.send_due(silent)
        assert await post.rows() == [("handed_over", doubts + 1, doubts)]
        await post.time_passes()
    await post.send_due(silent)
    assert await post.rows() == [("given_up", 3, 2)]


async def test_a_server_nobody_reaches_has_sent_nothing(post: Post) -> None:
    await post.queue(MailKind.SECURITY_NOTICE, "mfa_enabled")
    for attempt in (1, 2, 3):
        await post.send_due(partial(_ses_from, "http://127.0.0.1:9", "shop@meridian.example"))
        assert await post.rows() == [("waiting", attempt, 0)]
        await post.time_passes()


@asynccontextmanager
async def _ses_from(endpoint: str, sender: str) -> AsyncIterator[Mailer]:
    async with open_ses(aws_session(MASTER_REGION, endpoint), endpoint, sender) as mailer:
        yield mailer
