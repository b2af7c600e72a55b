-- Everything that was told about one order
SELECT time, region, type, source, correlationid
FROM events
WHERE (subject = 'ord_PASTE' OR data.order_id = 'ord_PASTE') AND day >= cast(current_date - interval '90' day AS varchar)
ORDER BY time;
