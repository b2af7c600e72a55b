-- Customers bench_usr_1 .. 1000 with an address and a filled cart each, and 50 SKUs that never sell out.
INSERT INTO shop_product.products (id, slug, title, description, status, version, home_region)
VALUES ('bench_prd', 'bench-prd', 'Bench', 'For measuring only.', 'active', 1, 'us-east-1');

INSERT INTO shop_product.variants (sku, product_id, title, position)
SELECT 'BENCH-' || n, 'bench_prd', 'Size ' || n, n FROM generate_series(1, 50) AS n;

INSERT INTO shop_product.prices (sku, currency, amount_minor, version)
SELECT 'BENCH-' || n, 'USD', 1390, 1 FROM generate_series(1, 50) AS n;

INSERT INTO shop_product.stock_levels
    (sku, product_id, received, available, held, sold, version, home_region)
SELECT 'BENCH-' || n, 'bench_prd', 1000000000, 1000000000, 0, 0, 1, 'us-east-1'
FROM generate_series(1, 50) AS n;

INSERT INTO shop_cart.known_variants (sku, product_id, title, is_for_sale, prices, product_version)
SELECT 'BENCH-' || n, 'bench_prd', 'Bench, size ' || n, true,
       '{"USD": {"amount_minor": 1390, "version": 1}}', 1
FROM generate_series(1, 50) AS n;

INSERT INTO shop_cart.known_stock (sku, available, stock_version)
SELECT 'BENCH-' || n, 1000000000, 1 FROM generate_series(1, 50) AS n;

INSERT INTO shop_user.profiles (user_id, home_region, display_name)
SELECT 'bench_usr_' || n, 'us-east-1', 'Bench' FROM generate_series(1, 1000) AS n;

INSERT INTO shop_user.addresses
    (id, user_id, home_region, recipient, line1, city, region, postal_code, country)
SELECT 'bench_adr_' || n, 'bench_usr_' || n, 'us-east-1', 'Ada Example', '12 Analytical Way',
       'Portland', 'OR', '97201', 'US'
FROM generate_series(1, 1000) AS n;

INSERT INTO shop_cart.carts (id, home_region, user_id, currency)
SELECT 'bench_crt_' || n, 'us-east-1', 'bench_usr_' || n, 'USD' FROM generate_series(1, 1000) AS n;

INSERT INTO shop_cart.cart_lines
    (cart_id, sku, position, title, quantity, unit_price_minor, price_version)
SELECT 'bench_crt_' || n, 'BENCH-' || (n % 50 + 1), 1, 'Bench, size ' || (n % 50 + 1), 1, 1390, 1
FROM generate_series(1, 1000) AS n;
