# Messages of prod: a message that waits for five minutes wakes somebody.
thresholds = { age_seconds = 300, depth = 10000 }
