import pytest
from sqlalchemy import text

from libs.contracts import Message
from libs.contracts.auth import (
    EmailChangeRequested,
    EmailVerificationRequested,
    PasswordResetRequested,
    SecurityChanged,
)
from libs.contracts.message import Amount
from libs.contracts.order import OrderConfirmed
from libs.database.session import Database
from libs.ids import uuid7
from libs.messaging.processing import Processor
from libs.testing.background import BackgroundLoop
from libs.testing.builders import envelope_of
from libs.testing.databases import Databases
from services.user.cli import EXIT_FAILED, OperatorSettings, main
from services.user.consumers import handlers
from services.user.domain.mails import MailKind, MailState
from services.user.repository.mails import MailRepository
from tests.user.conftest import USER, Running

TOTAL = Amount(amount_minor=1, currency="USD")


@pytest.mark.parametrize(
    ("event", "kind", "about"),
    [
        (EmailVerificationRequested(user_id=USER, request_id="r1"), "email_verification", "r1"),
        (PasswordResetRequested(user_id=USER, request_id="r1"), "password_reset", "r1"),
        (EmailChangeRequested(user_id=USER, request_id="r1"), "email_change", "r1"),
        (SecurityChanged(user_id=USER, change="mfa_enabled"), "security_notice", "mfa_enabled"),
        (
            SecurityChanged(user_id=USER, change="email_changed", request_id="r1"),
            "security_notice",
            "email_changed r1",
        ),
        (
            OrderConfirmed(order_id="ord_1", user_id=USER, total=TOTAL),
            "order_confirmation",
            "ord_1",
        ),
    ],
)
async def test_an_event_told_three_times_queues_one_mail(
    running: Running, event: Message, kind: str, about: str
) -> None:
    resources = running.resources
    processor = Processor(
        consumer="user-inbox",
        handlers=handlers(resources),
        database=resources.database,
        outbox_of=resources.outbox,
        transactions=1,
    )
    envelope = envelope_of(event)
    for _ in range(3):
        await processor.process(envelope)
    async with resources.database.transaction() as session:
        rows = await session.execute(text("SELECT kind, about, user_id, state FROM mails_sent"))
        assert [tuple(row) for row in rows] == [(kind, about, USER, "waiting")]


def give_up(background: BackgroundLoop, url: str) -> None:
    """Queue a mail and give it up, in another event loop, for the command brings its own."""

    async def work() -> None:
        database = Database(url, application_name="test-mails")
        async with database.transaction() as session:
            mails = MailRepository(session)
            await mails.queue(uuid7(), MailKind.PASSWORD_RESET, USER, "r1")
            [mail] = await mails.claim_due(1)
            await mails.close(mail, MailState.GIVEN_UP, "MessageRejected")
        await database.close()

    background.run(work())


def test_an_operator_sees_what_was_given_up_and_has_it_tried_again(
    databases: Databases, background: BackgroundLoop, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = OperatorSettings.model_validate(
        {"environment": "test", "database_url": databases.url("user")}
    )
    assert main(["mails"], settings) == 0
    assert capsys.readouterr().out == "no mail was given up\n"
    give_up(background, databases.url("user"))
    main(["mails"], settings)
    told = capsys.readouterr().out
    assert told.endswith(f"password_reset for {USER} about r1: MessageRejected after 1 attempts\n")
    main(["mails", "--revive"], settings)
    assert capsys.readouterr().out == "1 mails will be tried again\n"
    main(["mails"], settings)
    assert capsys.readouterr().out == "no mail was given up\n"


def test_a_command_says_that_the_database_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = {"environment": "test", "database_url": "postgresql://nobody@127.0.0.1:9/none"}
    assert main(["mails"], OperatorSettings.model_validate(nowhere)) == EXIT_FAILED
    assert "does not answer" in capsys.readouterr().err
