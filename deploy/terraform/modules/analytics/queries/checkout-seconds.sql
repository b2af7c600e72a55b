-- How long it takes from placing an order to confirming it
WITH told AS (
  SELECT subject, region, type, min(from_iso8601_timestamp(time)) AS at
  FROM events
  WHERE type IN ('order.placed.v1', 'order.confirmed.v1') AND day >= cast(current_date - interval '7' day AS varchar)
  GROUP BY subject, region, type
)
SELECT placed.region, count(*) AS orders,
  approx_percentile(date_diff('millisecond', placed.at, confirmed.at), 0.5) / 1000.0 AS median_seconds,
  approx_percentile(date_diff('millisecond', placed.at, confirmed.at), 0.99) / 1000.0 AS p99_seconds
FROM told AS placed
JOIN told AS confirmed ON confirmed.subject = placed.subject AND confirmed.type = 'order.confirmed.v1'
WHERE placed.type = 'order.placed.v1'
GROUP BY placed.region;
