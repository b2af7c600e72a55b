-- What `POST /v1/reservations` for one piece of a SKU in buckets does in PostgreSQL: the service's own statements,
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
SAVEPOINT sa_savepoint_1;
WITH wanted AS MATERIALIZED (
    SELECT w.sku, w.quantity, floor(random() * level.buckets)::int AS start
    FROM unnest(CAST(:skus AS text[]), CAST(:quantities AS bigint[])) AS w(sku, quantity)
    JOIN stock_levels AS level USING (sku)
), picked AS MATERIALIZED (
    SELECT wanted.sku, wanted.quantity, one.bucket
    FROM wanted CROSS JOIN LATERAL (
        SELECT part.bucket FROM stock_buckets AS part
        WHERE part.sku = wanted.sku AND part.available >= wanted.quantity
        ORDER BY part.bucket <= wanted.start, part.bucket
        LIMIT 1
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS one
), taken AS (
    UPDATE stock_buckets AS part
    SET available = part.available - picked.quantity,
        held = part.held + CAST(:held AS bigint) * picked.quantity,
        sold = part.sold + CAST(:sold AS bigint) * picked.quantity,
        version = part.version + 1,
        updated_at = now()
    FROM picked
    WHERE part.sku = picked.sku AND part.bucket = picked.bucket
      AND (SELECT count(*) FROM picked) = cardinality(CAST(:skus AS text[]))
    RETURNING part.sku, part.bucket, part.available + picked.quantity AS before
), remembered AS (
    UPDATE reservation_lines AS line SET bucket = taken.bucket
    FROM taken WHERE line.order_id = :order_id AND line.sku = taken.sku
)
SELECT wanted.sku, taken.bucket, coalesce(taken.before, (
    SELECT sum(part.available)::bigint FROM stock_buckets AS part WHERE part.sku = wanted.sku
)) AS there
FROM wanted LEFT JOIN taken USING (sku);
RELEASE SAVEPOINT sa_savepoint_1;
UPDATE idempotency_keys
SET state = 'completed', status = :status, headers = :headers::JSONB, body = NULL::BYTEA,
    body_sealed = :body::BYTEA
WHERE principal = :principal AND key = :key AND fence = :fence AND state = :in_flight;
COMMIT;
