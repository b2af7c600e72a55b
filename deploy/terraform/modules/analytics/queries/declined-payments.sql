-- Why payments are declined
SELECT region, data.reason AS reason, count(DISTINCT id) AS declined
FROM events
WHERE type = 'payment.declined.v1' AND day >= cast(current_date - interval '7' day AS varchar)
GROUP BY region, data.reason
ORDER BY declined DESC;
