-- How many orders were placed, confirmed, failed and cancelled a day
SELECT day, region, type, count(DISTINCT subject) AS orders
FROM events
WHERE type IN ('order.placed.v1', 'order.confirmed.v1', 'order.failed.v1', 'order.cancelled.v1')
  AND day >= cast(current_date - interval '30' day AS varchar)
GROUP BY day, region, type
ORDER BY day DESC, region, type;
