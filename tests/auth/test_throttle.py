"""What is counted against whom, whatever the settings."""

from collections.abc import AsyncIterator

import pytest

from libs.cache.rate_limit import Policy, RateLimiter
from libs.cache.redis import open_redis
from libs.security.errors import RateLimited
from libs.testing.plugin import SettingsFor
from libs.testing.servers import REDIS_PATIENCE
from services.auth.dependencies import build_throttle
from services.auth.domain.mail_requests import LIFETIMES, MailPurpose
from services.auth.service.throttle import Throttle
from services.auth.settings import AuthSettings

MANY = Policy("many", 1_000, 300)
ADA = "ada@example.com"


@pytest.fixture
async def throttle(redis_url: str) -> AsyncIterator[Throttle]:
    """Limits of which only those of a day and of administrators are soon reached."""
    redis = open_redis(redis_url, REDIS_PATIENCE)
    yield Throttle(
        RateLimiter(redis, "auth"),
        per_address=MANY,
        registrations=MANY,
        per_account=MANY,
        per_account_and_day=Policy("day", 3, 86_400),
        per_stranger=MANY,
        per_administrator=Policy("administrator", 3, 1_800),
        mails_per_account=MANY,
        mails_altogether=MANY,
    )
    await redis.aclose()


@pytest.mark.parametrize("mails_per_account", [1, 2, 5, 100])
def test_whoever_gets_no_other_mail_has_one_whose_token_works(
    throttle: Throttle, settings_for: SettingsFor, mails_per_account: int
) -> None:
    settings = settings_for("auth", role="api", mails_per_account=mails_per_account)
    assert isinstance(settings, AuthSettings)
    mails = build_throttle(settings, throttle.limiter).mails_altogether
    # All mails of a window may have gone at its beginning, and one of them counts until its share is over.
    oldest_last_mail = mails.window_seconds * (1 + 1 / mails.limit)
    token = LIFETIMES[MailPurpose.RESET_PASSWORD].token
    assert token is not None
    assert oldest_last_mail < token.total_seconds()


async def test_strangers_fail_alike_with_administrators_and_with_customers(
    throttle: Throttle, settings_for: SettingsFor
) -> None:
    settings = settings_for("auth", role="api")
    assert isinstance(settings, AuthSettings)
    configured = build_throttle(settings, throttle.limiter)
    customers = await configured.guess(ADA, None)
    assert await configured.guess(ADA, None, administrator=True) == customers
    at_home = await configured.guess(ADA, "203.0.113.7", administrator=True)
    assert at_home == customers, "an administrator has no other allowance anywhere"
    assert await configured.guess(ADA, "203.0.113.7") != customers


@pytest.mark.parametrize("known_address", [None, "203.0.113.7"])
async def test_an_account_is_guessed_at_so_often_a_day_from_a_known_address_too(
    throttle: Throttle, known_address: str | None
) -> None:
    for _ in range(3):
        await throttle.guess(ADA, known_address)
    with pytest.raises(RateLimited):
        await throttle.guess(ADA, known_address)


@pytest.mark.parametrize("administrator", [True, False])
async def test_how_long_to_wait_does_not_tell_administrators_apart(
    throttle: Throttle, *, administrator: bool
) -> None:
    for _ in range(3):
        await throttle.guess(ADA, None, administrator=administrator)
    with pytest.raises(RateLimited) as refused:
        await throttle.guess(ADA, None, administrator=administrator)
    assert refused.value.headers["Retry-After"] == "300"
