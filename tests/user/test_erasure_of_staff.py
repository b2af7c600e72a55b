"""Staff are not forgotten while they are staff: the shop keeps somebody who can make another administrator."""

from libs.testing.tokens import TokenFactory
from tests.user.conftest import USER, Running
from tests.user.test_erasure import ask, told


async def test_whoever_administers_the_shop_hands_that_over_first(
    running: Running, token_factory: TokenFactory
) -> None:
    staff = {"Authorization": f"Bearer {token_factory.admin(subject=USER)}"}

    refused = await ask(running, staff)

    assert (refused.status_code, refused.json()["code"]) == (409, "still_staff")
    assert running.auth.closed == []
    assert await told(running) == []
