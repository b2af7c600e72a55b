from libs.database.session import Database
from tests.auth.conftest import Person
from tests.recorded import recorded


async def test_a_session_is_recorded_from_its_login_to_its_end(
    ada: Person, database: Database
) -> None:
    await ada.client.post("/v1/auth/logout", headers=ada.headers)
    found = await recorded(database)
    user_id = found[0][1]
    assert found == [
        ("identity.registered", user_id, "done"),
        ("session.started", user_id, "done"),
        ("session.ended", user_id, "done"),
    ]
