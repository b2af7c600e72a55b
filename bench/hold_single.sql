-- What `POST /v1/reservations` for one piece of a SKU with one row does in PostgreSQL: the service's own statements,
-- compared with them by a test. `uuidv7()` stands for an id the service makes. The names are pgbench's variables.
\set n :n + 1
\set order_id (:run * 1000 + :client_id) * 1000000 + :n
\set key :order_id
BEGIN;
INSERT INTO idempotency_keys
    (principal, key, method_path, fingerprint, state, resource_id, lease_until)
SELECT :principal, :key, :method_path, :fingerprint::BYTEA, 'in_flight', NULL,
       clock_timestamp() + make_interval(secs => :lease)
WHERE pg_try_advisory_xact_lock(
    hashtextextended(current_schema() || ' ' || :principal || ' ' || :key, 0))
ON CONFLICT (principal, key) DO NOTHING
RETURNING resource_id, fence;
INSERT INTO reservations (order_id, state, currency, expires_at, version, home_region)
VALUES (:order_id, 'held', :currency,
        clock_timestamp() + make_interval(secs => CAST(:ttl AS double precision)), 1, :region)
ON CONFLICT (order_id) DO NOTHING
RETURNING expires_at;
SELECT variants.sku, variants.product_id, variants.title, products.title AS product_title, products.status,
    prices.amount_minor, prices.version, coalesce(CASE WHEN (stock_levels.buckets > :zero::SMALLINT) THEN
    (SELECT sum(stock_buckets.available) AS sum_1 FROM stock_buckets WHERE stock_buckets.sku = stock_levels.sku)
    ELSE stock_levels.available END, :zero::INTEGER) AS available,
    coalesce(stock_levels.buckets > :zero::SMALLINT, false) AS is_spread
FROM variants JOIN products ON products.id = variants.product_id
LEFT OUTER JOIN prices ON prices.sku = variants.sku AND prices.currency = :currency::VARCHAR
LEFT OUTER JOIN stock_levels ON stock_levels.sku = variants.sku
WHERE variants.sku = any(:skus::TEXT[]);
INSERT INTO reservation_lines
    (order_id, sku, product_id, title, quantity, unit_price_minor, price_version)
SELECT :order_id, * FROM unnest(
    CAST(:skus AS text[]), CAST(:product_ids AS text[]), CAST(:titles AS text[]),
    CAST(:quantities AS int[]), CAST(:prices AS bigint[]), CAST(:versions AS int[]));
WITH wanted AS (
    SELECT * FROM unnest(CAST(:skus AS text[]), CAST(:quantities AS bigint[])) AS w(sku, quantity)
), locked AS MATERIALIZED (
    SELECT level.sku, level.received, level.available, level.held, level.sold, level.version,
           level.buckets, wanted.quantity
    FROM stock_levels AS level JOIN wanted USING (sku)
    ORDER BY level.sku
    FOR NO KEY UPDATE OF level
), moved AS (
    UPDATE stock_levels AS level
    SET received = locked.received,
        available = locked.available + CAST(:available AS bigint) * locked.quantity,
        held = locked.held + CAST(:held AS bigint) * locked.quantity,
        sold = locked.sold + CAST(:sold AS bigint) * locked.quantity,
        version = locked.version + 1,
        updated_at = now()
    FROM locked
    WHERE level.sku = locked.sku
      AND (SELECT count(*) = cardinality(CAST(:skus AS text[]))
              AND bool_and(buckets = 0 AND available + CAST(:available AS bigint) * quantity >= 0)
           FROM locked)
    RETURNING level.sku, level.available, level.version
)
SELECT locked.sku, locked.available AS before,
       coalesce(moved.available, locked.available) AS after, moved.version, locked.buckets
FROM locked LEFT JOIN moved USING (sku)
ORDER BY locked.sku;
INSERT INTO outbox_messages (id, aggregate_id, aggregate_version, type, destination, group_id, envelope)
VALUES (uuidv7()::UUID, :sku::VARCHAR, :version::BIGINT, :type::VARCHAR, :destination::VARCHAR, NULL::VARCHAR,
    :envelope::VARCHAR);
UPDATE idempotency_keys
SET state = 'completed', status = :status, headers = :headers::JSONB, body = NULL::BYTEA,
    body_sealed = :body::BYTEA
WHERE principal = :principal AND key = :key AND fence = :fence AND state = :in_flight;
COMMIT;
