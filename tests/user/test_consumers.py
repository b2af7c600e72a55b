from sqlalchemy import text

from libs.contracts.auth import EmailVerificationRequested, IdentityForgotten, IdentityRegistered
from libs.messaging.handlers import OutsideTransaction
from libs.messaging.processing import Processor
from libs.testing.builders import envelope_of
from services.user.consumers import handlers
from tests.user.conftest import USER, Headers, Running


async def handle(running: Running, event: IdentityRegistered) -> None:
    handler = handlers(running.resources)[IdentityRegistered]
    assert isinstance(handler, OutsideTransaction)
    await handler.handler(event, envelope_of(event))


async def events(running: Running) -> list[str]:
    async with running.resources.database.transaction() as session:
        rows = await session.execute(text("SELECT type FROM outbox_messages ORDER BY position"))
        return list(rows.scalars())


async def test_a_registration_told_three_times_makes_one_profile_and_one_event(
    running: Running, headers: Headers
) -> None:
    event = IdentityRegistered(user_id=USER, home_region="us-east-1")
    for _ in range(3):
        await handle(running, event)
    assert running.auth.asked == 1
    assert await events(running) == ["user.profile_created.v1"]
    profile = await running.http.get("/v1/me", headers=headers())
    assert profile.json()["display_name"] == "Ada"


async def test_a_profile_made_by_a_request_is_not_made_again_by_the_event(
    running: Running, headers: Headers
) -> None:
    await running.http.get("/v1/me", headers=headers())
    await handle(running, IdentityRegistered(user_id=USER, home_region="us-east-1"))
    assert await events(running) == ["user.profile_created.v1"]


async def test_nothing_is_left_of_an_account_nobody_opened(running: Running) -> None:
    resources = running.resources
    processor = Processor(
        consumer="user-inbox",
        handlers=handlers(resources),
        database=resources.database,
        outbox_of=resources.outbox,
        transactions=2,
    )
    for event in (
        EmailVerificationRequested(user_id=USER, request_id="r1"),
        IdentityRegistered(user_id=USER, home_region="us-east-1"),
        IdentityForgotten(user_id=USER),
    ):
        await processor.process(envelope_of(event, source="auth"))
    async with resources.database.transaction() as session:
        for table in ("profiles", "mails_sent"):
            counted = text(f"SELECT count(*) FROM {table}")  # noqa: S608 - from the list above
            assert await session.scalar(counted) == 0
