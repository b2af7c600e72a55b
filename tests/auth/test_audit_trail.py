"""What is recorded when somebody logs in, or cannot."""

from sqlalchemy import select

from libs.audit.tables import audit_entries
from libs.database.session import Database
from libs.testing.waiting import eventually
from tests.auth.conftest import Person, log_in


async def test_a_login_and_a_refused_one_are_recorded(ada: Person, database: Database) -> None:
    assert (await log_in(ada.client, ada.email)).status_code == 200
    refused = await log_in(ada.client, ada.email, "not the right password")
    assert refused.status_code == 401

    async def recorded() -> bool:
        async with database.transaction() as session:
            entries = (await session.execute(select(audit_entries))).mappings().all()
        told = [(one["action"], one["outcome"]) for one in entries if ada.user_id in one.values()]
        assert ("session.started", "done") in told
        assert ("login.refused", "refused") in told
        assert not [one for one in entries if ada.email in str(dict(one))]
        return True

    await eventually(recorded)
