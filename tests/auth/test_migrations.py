from libs.database.migrations import differences, downgrade, upgrade
from libs.testing.databases import Databases


async def test_models_and_migrations_say_the_same(databases: Databases) -> None:
    url = databases.fresh().url("auth", "migrator")
    assert await differences("auth", url) == []


async def test_migrations_go_down_and_up_again(databases: Databases) -> None:
    url = databases.fresh().url("auth", "migrator")
    await downgrade("auth", url, "base")
    await upgrade("auth", url)
    assert await differences("auth", url) == []
