"""The figures that tell whether messages flow."""

from typing import Final

from libs.observability.metrics import counter, histogram

PUBLISHED: Final = counter("messaging_published", description="Outbox messages the broker accepted")
PUBLISH_FAILED: Final = counter(
    "messaging_publish_failed", description="Outbox messages the broker did not accept; retried"
)
PUBLISH_LAG: Final = histogram(
    "messaging_publish_lag", description="Seconds from the outbox insert to the broker's acceptance"
)
CONSUMED: Final = counter("messaging_consumed", description="Messages handled and acknowledged")
DUPLICATES: Final = counter(
    "messaging_duplicates", description="Messages skipped because the inbox knew them"
)
PARKED: Final = counter("messaging_parked", description="Messages that came too early")
FAILED: Final = counter(
    "messaging_failed", description="Handler failures; the message is delivered again"
)
GIVEN_UP: Final = counter(
    "messaging_given_up", description="Parked messages that nothing came to advance"
)
HANDLING: Final = histogram("messaging_handling", description="Seconds a handler took")
END_TO_END_LAG: Final = histogram(
    "messaging_end_to_end_lag", description="Seconds from the event's time to its effect here"
)
