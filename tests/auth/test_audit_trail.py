"""What is recorded when somebody logs in, or cannot."""

from sqlalchemy import select

from libs.audit.tables import audit_entries
from libs.database.session import Database
from libs.testing.waiting import FrozenClock, eventually
from tests.auth.conftest import Person, log_in
from tests.auth.factors import enrol_app, finish, mfa_token
from tests.auth.test_email_addresses import ask_for_change
from tests.recorded import entries


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


async def test_a_wrong_second_factor_names_the_account_whose_password_was_known(
    ada: Person, database: Database, code_clock: FrozenClock
) -> None:
    app, _ = await enrol_app(ada, code_clock)
    await finish(ada.client, await mfa_token(ada), totp=app.wrong())

    async def refused() -> bool:
        told = [(one["action"], one["subject"], one["outcome"]) for one in await entries(database)]
        return ("second_factor.refused", ada.user_id, "refused") in told

    await eventually(refused)


async def test_a_wish_for_another_address_is_recorded_without_the_address(
    ada: Person, database: Database
) -> None:
    assert (await ask_for_change(ada, "ada.new@example.com")).status_code == 202

    told = await entries(database)

    wished = ("identity.email_change_requested", ada.user_id, ada.user_id)
    assert wished in [(one["action"], one["actor"], one["subject"]) for one in told]
    assert "ada.new" not in str(told)
