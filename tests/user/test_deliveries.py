"""However often a registration is told, one profile comes of it, and it is told of once."""

import random
from collections.abc import Sequence

from sqlalchemy import select

from libs.contracts.auth import IdentityRegistered
from libs.database.session import Database
from libs.ids import new_id
from libs.messaging.processing import Processor
from libs.testing.builders import envelope_of
from libs.testing.scale import trials
from services.user.consumers import handlers
from services.user.models import Profile
from tests.deliveries import deliver_badly, deliver_well, rows_of
from tests.user.conftest import Running


async def test_registrations_told_well_and_badly_make_the_same_profiles(running: Running) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311 - a seed to repeat a failure with
    count = trials(50, 2_500)
    database = running.resources.database

    def processor() -> Processor:
        return Processor(
            consumer="user-inbox",
            handlers=handlers(running.resources),
            database=database,
            outbox_of=running.resources.outbox,
            transactions=5,
        )

    pictures = []
    for way in ("well", "badly"):
        users = [new_id("usr") for _ in range(count)]
        running.auth.names.update({user: f"Nr {n}" for n, user in enumerate(users)})
        recorded = [
            envelope_of(IdentityRegistered(user_id=user, home_region="us-east-1"), source="auth")
            for user in users
        ]
        if way == "well":
            await deliver_well(processor(), recorded)
        else:
            await deliver_badly(processor, recorded, seed)
        profiles = "SELECT * FROM profiles WHERE user_id = ANY(:ids)"
        told = "SELECT type FROM outbox_messages WHERE aggregate_id = ANY(:ids)"
        pictures.append([await rows_of(database, query, ids=users) for query in (profiles, told)])
        assert await names_of(database, users) == sorted(running.auth.names[user] for user in users)
    assert pictures[1] == pictures[0], f"seed {seed}"
    assert [len(rows) for rows in pictures[0]] == [count, count]


async def names_of(database: Database, users: Sequence[str]) -> list[str]:
    """Return what the profiles call their people."""
    async with database.transaction() as session:
        found = await session.scalars(select(Profile).where(Profile.user_id.in_(users)))
        return sorted(profile.display_name for profile in found)
