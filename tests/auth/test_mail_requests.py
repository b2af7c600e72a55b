"""A wish for a mail, with the address it names, is kept for as long as somebody waits for it."""

from datetime import timedelta

import pytest
from sqlalchemy import ColumnElement, func, insert, select

from libs.database.session import Database
from services.auth.models import MailRequest
from services.auth.service.housekeeping import forget_old
from tests.auth.conftest import Person

A_MINUTE = timedelta(minutes=1)
PAST, FUTURE = func.now() - A_MINUTE, func.now() + A_MINUTE


@pytest.mark.parametrize(
    ("times", "stays"),
    [
        ({"expires_at": FUTURE}, True),
        ({"expires_at": FUTURE, "token_expires_at": PAST}, True),
        ({"expires_at": PAST, "token_expires_at": FUTURE}, True),
        ({"expires_at": PAST, "token_expires_at": PAST}, False),
        ({"expires_at": PAST}, False),
        ({"expires_at": FUTURE, "token_expires_at": FUTURE, "done_at": PAST}, False),
    ],
    ids=["to send", "to send again", "to answer", "unanswered", "never sent", "answered"],
)
async def test_a_request_goes_once_nothing_can_come_of_it(
    ada: Person, database: Database, times: dict[str, ColumnElement[object]], *, stays: bool
) -> None:
    values = {"id": "mrq_1", "user_id": ada.user_id, "purpose": "change_email", **times}
    async with database.transaction() as session:
        await session.execute(insert(MailRequest).values(values))
    await forget_old(database)
    async with database.transaction() as session:
        kept = select(MailRequest.id).where(MailRequest.id == "mrq_1")
        assert (await session.scalar(kept) is not None) is stays
