-- What `POST /v1/orders` for a cart of one line does in PostgreSQL, statement for statement and transaction for
-- transaction, in the order the services do it; written down from the server's own log. Relays, consumers and the
-- payment come later and are not here. One connection stands for the four services', so names carry their schema; a colon
-- inside a string is written apart, because pgbench would take it for a variable.
\set n :n + 1
\set user random(1, 1000)
\set sku :user % 50 + 1

-- order, T1: claim the idempotency key
BEGIN;
INSERT INTO shop_order.idempotency_keys
    (principal, key, method_path, fingerprint, state, resource_id, lease_until)
SELECT 'bench_usr_' || :user, 'key-' || :run || '-' || :client_id || '-' || :n, 'POST /v1/orders',
       '\x97fa3cfea2fbf3704f7d87a11830458575b86b00790b1ef416f4a828d0f21d6b'::bytea, 'in_flight',
       'ord_bench_' || :run || '_' || :client_id || '_' || :n,
       clock_timestamp() + make_interval(secs => 30)
WHERE pg_try_advisory_xact_lock(hashtextextended(
    current_schema() || ' ' || 'bench_usr_' || :user || ' ' || 'key-' || :run || '-' || :client_id || '-' || :n, 0))
ON CONFLICT (principal, key) DO NOTHING
RETURNING resource_id, fence;
COMMIT;

-- order: is this version of the cart ordered already?
BEGIN;
SELECT id, user_id, home_region, cart_id, cart_version, order_status, payment_status, shipment_status, reason,
       stock_returned, currency, subtotal_minor, shipping_minor, tax_minor, tax_included, total_minor,
       captured_minor, refunded_minor, payment_method, payment_id, payment_version, address_id, ship_to, version,
       last_sequence, next_check_at, checks, created_at, updated_at
FROM shop_order.orders
WHERE cart_id = 'crt_bench_' || :run || '_' || :client_id || '_' || :n AND cart_version = 2
  AND order_status IN ('confirmed', 'pending');
COMMIT;

-- cart: its lines with what it knows of them
BEGIN;
SELECT id, home_region, user_id, guest_token_hash, currency, status, merged_into, version, created_at, updated_at
FROM shop_cart.carts WHERE id = 'bench_crt_' || :user AND user_id = 'bench_usr_' || :user;
SELECT cart_id, sku, position, title, quantity, unit_price_minor, price_version
FROM shop_cart.cart_lines WHERE cart_id = 'bench_crt_' || :user ORDER BY position;
SELECT v.sku, v.product_id, v.title, v.is_for_sale, v.prices, v.product_version, v.created_at, v.updated_at, s.available
FROM shop_cart.known_variants AS v LEFT JOIN shop_cart.known_stock AS s ON s.sku = v.sku
WHERE v.sku IN ('BENCH-' || :sku) AND v.is_for_sale;
COMMIT;

-- user: the profile, then the address
BEGIN;
SELECT user_id, home_region, display_name, locale, currency, version, created_at, updated_at
FROM shop_user.profiles WHERE user_id = 'bench_usr_' || :user;
COMMIT;
BEGIN;
SELECT id, user_id, home_region, recipient, line1, line2, city, region, postal_code, country, phone, is_default,
       version, created_at, updated_at
FROM shop_user.addresses WHERE id = 'bench_adr_' || :user AND user_id = 'bench_usr_' || :user;
COMMIT;

-- product: claim, reserve at today's prices, move the pieces, tell of it, complete
BEGIN;
INSERT INTO shop_product.idempotency_keys
    (principal, key, method_path, fingerprint, state, resource_id, lease_until)
SELECT 'anonymous', 'hold-ord_bench_' || :run || '_' || :client_id || '_' || :n, 'POST /v1/reservations',
       '\x3e0210f2b27dfc2670a10ed4b8abd29a40d246a9f14219707841772f793d9043'::bytea, 'in_flight', NULL,
       clock_timestamp() + make_interval(secs => 30)
WHERE pg_try_advisory_xact_lock(hashtextextended(
    current_schema() || ' anonymous hold-ord_bench_' || :run || '_' || :client_id || '_' || :n, 0))
ON CONFLICT (principal, key) DO NOTHING
RETURNING resource_id, fence;
INSERT INTO shop_product.reservations (order_id, state, currency, expires_at, version, home_region)
VALUES ('ord_bench_' || :run || '_' || :client_id || '_' || :n, 'held', 'USD',
        clock_timestamp() + make_interval(secs => 600), 1, 'us-east-1')
ON CONFLICT (order_id) DO NOTHING
RETURNING expires_at;
SELECT v.sku, v.product_id, v.title, p.title AS product_title, p.status, price.amount_minor, price.version,
       coalesce(CASE WHEN s.buckets > 0 THEN (SELECT sum(b.available) FROM shop_product.stock_buckets AS b WHERE b.sku = s.sku)
           ELSE s.available END, 0) AS available, coalesce(s.buckets > 0, false) AS is_spread
FROM shop_product.variants AS v JOIN shop_product.products AS p ON p.id = v.product_id
LEFT JOIN shop_product.prices AS price ON price.sku = v.sku AND price.currency = 'USD'
LEFT JOIN shop_product.stock_levels AS s ON s.sku = v.sku
WHERE v.sku = any(ARRAY['BENCH-' || :sku]);
INSERT INTO shop_product.reservation_lines
    (order_id, sku, product_id, title, quantity, unit_price_minor, price_version)
SELECT 'ord_bench_' || :run || '_' || :client_id || '_' || :n, * FROM unnest(
    ARRAY['BENCH-' || :sku], ARRAY['bench_prd'], ARRAY['Bench, Size ' || :sku],
    ARRAY[1], ARRAY[1390::bigint], ARRAY[1]);
WITH wanted AS (
    SELECT * FROM unnest(ARRAY['BENCH-' || :sku], ARRAY[1::bigint]) AS w(sku, quantity)
), locked AS MATERIALIZED (
    SELECT level.sku, level.received, level.available, level.held, level.sold, level.version,
           level.buckets, wanted.quantity
    FROM shop_product.stock_levels AS level JOIN wanted USING (sku)
    ORDER BY level.sku
    FOR NO KEY UPDATE OF level
), moved AS (
    UPDATE shop_product.stock_levels AS level
    SET received = locked.received,
        available = locked.available + (-1)::bigint * locked.quantity,
        held = locked.held + 1::bigint * locked.quantity,
        sold = locked.sold + 0::bigint * locked.quantity,
        version = locked.version + 1,
        updated_at = now()
    FROM locked
    WHERE level.sku = locked.sku
      AND (SELECT count(*) = cardinality(ARRAY['BENCH-' || :sku])
              AND bool_and(buckets = 0 AND available + (-1)::bigint * quantity >= 0) FROM locked)
    RETURNING level.sku, level.available, level.version
)
SELECT locked.sku, locked.available AS before,
       coalesce(moved.available, locked.available) AS after, moved.version, locked.buckets
FROM locked LEFT JOIN moved USING (sku)
ORDER BY locked.sku;
INSERT INTO shop_product.outbox_messages
    (id, aggregate_id, aggregate_version, type, destination, group_id, envelope)
VALUES (uuidv7(), 'BENCH-' || :sku, 6, 'stock.changed.v1', 'topic' || ':' || 'product-events', NULL, rpad('{', 560, 'x'));
UPDATE shop_product.idempotency_keys
SET state = 'completed', status = 201, headers = '{"content-type": "application/json"}'::jsonb,
    body_sealed = convert_to(rpad('{', 330, 'x'), 'UTF8')
WHERE principal = 'anonymous' AND key = 'hold-ord_bench_' || :run || '_' || :client_id || '_' || :n
  AND fence = 1 AND state = 'in_flight';
COMMIT;

-- order, T2: order, line, timeline, event, command, completion
BEGIN;
INSERT INTO shop_order.orders
    (id, user_id, home_region, cart_id, cart_version, order_status, payment_status, shipment_status, stock_returned,
     currency, subtotal_minor, shipping_minor, tax_minor, tax_included, total_minor, captured_minor, refunded_minor,
     payment_method, payment_version, address_id, ship_to, version, last_sequence, checks)
VALUES ('ord_bench_' || :run || '_' || :client_id || '_' || :n, 'bench_usr_' || :user, 'us-east-1',
        'crt_bench_' || :run || '_' || :client_id || '_' || :n, 2, 'pending', 'pending', 'pending', false,
        'USD', 1390, 599, 0, false, 1989, 0, 0, 'tok_ok', 0, 'bench_adr_' || :user,
        '{"recipient": "Ada Example", "line1": "12 Analytical Way", "line2": null, "city": "Portland", "region": "OR", "postal_code": "97201", "country": "US"}'::jsonb,
        1, 1, 0)
ON CONFLICT DO NOTHING
RETURNING id, user_id, home_region, cart_id, cart_version, order_status, payment_status, shipment_status, reason,
    stock_returned, currency, subtotal_minor, shipping_minor, tax_minor, tax_included, total_minor, captured_minor,
    refunded_minor, payment_method, payment_id, payment_version, address_id, ship_to, version, last_sequence,
    next_check_at, checks, created_at, updated_at;
UPDATE shop_order.orders SET next_check_at = now() + interval '10 seconds', updated_at = now()
WHERE id = 'ord_bench_' || :run || '_' || :client_id || '_' || :n AND version = 1
RETURNING updated_at;
INSERT INTO shop_order.order_lines
    (order_id, line_number, sku, title, quantity, unit_price_minor, currency, price_version, tax_minor)
VALUES ('ord_bench_' || :run || '_' || :client_id || '_' || :n, 1, 'BENCH-' || :sku, 'Bench, Size ' || :sku, 1, 1390,
        'USD', 1, 0);
INSERT INTO shop_order.order_timeline (order_id, sequence, axis, from_status, to_status, cause, cause_event_id)
VALUES ('ord_bench_' || :run || '_' || :client_id || '_' || :n, 1, 'order', NULL, 'pending', 'placed_by_customer', NULL)
RETURNING at;
INSERT INTO shop_order.outbox_messages
    (id, aggregate_id, aggregate_version, type, destination, group_id, envelope)
VALUES (uuidv7(), 'ord_bench_' || :run || '_' || :client_id || '_' || :n, 1, 'order.placed.v1', 'topic' || ':' || 'order-events',
        NULL, rpad('{', 860, 'x'));
INSERT INTO shop_order.outbox_messages
    (id, aggregate_id, aggregate_version, type, destination, group_id, envelope)
VALUES (uuidv7(), 'ord_bench_' || :run || '_' || :client_id || '_' || :n, 1, 'payment.authorize.v1',
        'queue' || ':' || 'payment-commands.fifo', 'ord_bench_' || :run || '_' || :client_id || '_' || :n, rpad('{', 720, 'x'));
UPDATE shop_order.idempotency_keys
SET state = 'completed', status = 202,
    headers = '{"ETag": "\"v1\"", "Location": "/v1/orders/ord_bench", "content-type": "application/json"}'::jsonb,
    body_sealed = convert_to(rpad('{', 1400, 'x'), 'UTF8')
WHERE principal = 'bench_usr_' || :user AND key = 'key-' || :run || '-' || :client_id || '-' || :n
  AND fence = 1 AND state = 'in_flight';
COMMIT;
