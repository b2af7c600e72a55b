# Messages of staging: nobody is woken, the alarms show what prod's would.
thresholds = { age_seconds = 900, depth = 1000 }
