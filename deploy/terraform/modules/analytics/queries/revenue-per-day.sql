-- What was captured a day, by region and currency, in minor units
SELECT day, region, data.amount.currency AS currency, count(*) AS captures, sum(data.amount.amount_minor) AS amount_minor
FROM (SELECT DISTINCT id, day, region, data FROM events WHERE type = 'payment.captured.v1' AND day >= cast(current_date - interval '30' day AS varchar))
GROUP BY day, region, data.amount.currency
ORDER BY day DESC, region;
