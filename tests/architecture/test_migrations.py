"""Every service's migrations make what its models say, and can be taken back."""

import pytest

from libs.database.migrations import differences, downgrade, upgrade
from libs.testing.databases import Databases
from libs.topology import SERVICES


@pytest.mark.parametrize("service", SERVICES)
async def test_migrations_make_what_the_models_say_and_go_down_and_up_again(
    databases: Databases, service: str
) -> None:
    migrator = databases.fresh(migrated=False).url(service, "migrator")
    await upgrade(service, migrator)
    assert await differences(service, migrator) == []
    await downgrade(service, migrator, "base")
    await upgrade(service, migrator)
    assert await differences(service, migrator) == []
