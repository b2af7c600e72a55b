-- Two SKUs that never sell out: one with its one row, one spread over 16.
INSERT INTO products (id, slug, title, description, status, version, home_region)
VALUES ('bench_hot', 'bench-hot', 'Hot', 'For measuring only.', 'active', 1, 'us-east-1');

INSERT INTO variants (sku, product_id, title, position)
VALUES ('HOT-SINGLE', 'bench_hot', 'Single', 1), ('HOT-SPREAD', 'bench_hot', 'Spread', 2);

INSERT INTO prices (sku, currency, amount_minor, version)
VALUES ('HOT-SINGLE', 'USD', 1390, 1), ('HOT-SPREAD', 'USD', 1390, 1);

INSERT INTO stock_levels
    (sku, product_id, received, available, held, sold, version, home_region, buckets)
VALUES ('HOT-SINGLE', 'bench_hot', 1000000000, 1000000000, 0, 0, 1, 'us-east-1', 0),
       ('HOT-SPREAD', 'bench_hot', 0, 0, 0, 0, 1, 'us-east-1', :buckets);

INSERT INTO stock_buckets (sku, bucket, received, available, held, sold, version)
SELECT 'HOT-SPREAD', number, 1000000000, 1000000000, 0, 0, 0
FROM generate_series(1, :buckets) AS number;
