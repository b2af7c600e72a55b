from datetime import timedelta

from sqlalchemy import text

from libs.idempotency.store import purge_all_expired, purge_expired
from tests.libs.idempotency.conftest import Shop


async def test_keys_are_purged_after_their_retention_and_not_before(shop: Shop) -> None:
    for key in ("old", "young"):
        await shop.post("/one", key=key)
    await shop.sql.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '73 hours', "
        "lease_until = now() - interval '73 hours' WHERE key = 'old'"
    )
    async with shop.database.transaction() as session:
        assert await purge_expired(session) == 1
    assert await shop.sql.fetchval("SELECT key FROM idempotency_keys") == "young"


async def test_purging_is_done_in_bounded_steps(shop: Shop) -> None:
    await shop.sql.execute(
        """INSERT INTO idempotency_keys (principal, key, method_path, fingerprint, state, lease_until)
        SELECT 'p', i::text, 'POST /', '', 'in_flight', now() - interval '1 hour'
        FROM generate_series(1, 25) AS i"""
    )
    removed = []
    for _ in range(3):
        async with shop.database.transaction() as session:
            removed.append(await purge_expired(session, older_than=timedelta(0), limit=10))
    assert removed == [10, 10, 5]


async def test_one_call_purges_everything_that_is_due(shop: Shop) -> None:
    await shop.sql.execute(
        """INSERT INTO idempotency_keys
            (principal, key, method_path, fingerprint, state, lease_until, created_at)
        SELECT 'p', i::text, 'POST /', '', 'in_flight', now() - interval '4 days', now() - interval '4 days'
        FROM generate_series(1, 25) AS i"""
    )
    assert await purge_all_expired(shop.database, limit=10) == 25
    assert await purge_all_expired(shop.database, limit=10) == 0


async def test_bodies_answers_and_guest_tokens_are_stored_sealed_or_as_keyed_hashes(
    shop: Shop,
) -> None:
    await shop.post("/one", sku="hunter2", Cart_Token="guest-secret")
    row = str(await shop.sql.fetchrow("SELECT * FROM idempotency_keys"))
    assert "hunter2" not in row
    assert "guest-secret" not in row
    assert "guest:" in row


async def test_keys_of_different_schemas_do_not_collide(shop: Shop) -> None:
    async with shop.database.transaction() as session:
        await session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended('shop_other anonymous k', 0))")
        )
        assert (await shop.post("/one")).status_code == 201
