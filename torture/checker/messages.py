"""Rules about messages: told once per change, received by everybody concerned, applied once."""

from collections import Counter
from collections.abc import Iterator

from torture.checker.records import Evidence, Violation

AT_ONCE = frozenset({"order", "product", "cart"})
"""Services whose handlers commit effect and inbox row together, so that one message has one effect."""

_TOLD = {
    "pending": "order.placed.v1",
    "confirmed": "order.confirmed.v1",
    "failed": "order.failed.v1",
    "cancelled": "order.cancelled.v1",
}


def outboxes_are_empty(evidence: Evidence) -> Iterator[Violation]:
    """Every committed message was published."""
    for message in evidence.messages:
        if not message.published:
            yield Violation(
                "never_published",
                f"{message.type} {message.id} of {message.service} about {message.subject} was "
                "never published.",
            )


def everybody_received(evidence: Evidence) -> Iterator[Violation]:
    """Every published message is in the inbox of each service that subscribes to its type."""
    got = {(row.service, row.event_id) for row in evidence.received}
    for message in evidence.messages:
        if not message.published:
            continue
        for service in message.readers:
            if (service, message.id) not in got:
                yield Violation(
                    "message_lost",
                    f"{message.type} {message.id} about {message.subject} never reached {service}.",
                )


def nothing_was_given_up(evidence: Evidence) -> Iterator[Violation]:
    """No message is parked or dead in an inbox, none lies in a dead-letter queue."""
    for row in evidence.received:
        if row.status != "done":
            yield Violation(
                "message_not_handled",
                f"{row.type} {row.event_id} is {row.status} in {row.service}.",
            )
    for queue, count in sorted(evidence.dead_letters.items()):
        if count:
            yield Violation("dead_letters", f"{queue} holds {count} messages.")


def messages_are_applied_once(evidence: Evidence) -> Iterator[Violation]:
    """A message that was delivered twice led to one set of messages and one step of the timeline."""
    led_to: Counter[tuple[str, str, str, str, str]] = Counter()
    for message in evidence.messages:
        if message.causation_id and message.service in AT_ONCE:
            key = (message.service, message.causation_id, message.type, message.subject)
            led_to[*key, message.detail] += 1
    for (service, cause, type_, subject, _), times in sorted(led_to.items()):
        if times > 1:
            yield Violation(
                "applied_twice",
                f"{service} told {type_} about {subject} {times} times because of message {cause}.",
            )
    steps = Counter(
        (step.order_id, step.axis, step.cause_event_id)
        for step in evidence.steps
        if step.cause_event_id
    )
    for (order_id, axis, cause), times in sorted(steps.items()):
        if times > 1:
            yield Violation(
                "applied_twice", f"message {cause} moved the {axis} of {order_id} {times} times."
            )


def changes_are_told(evidence: Evidence) -> Iterator[Violation]:
    """Each step of an order is told once, and nothing is told that did not happen."""
    told = Counter(
        (message.order_id, message.type)
        for message in evidence.messages
        if message.service == "order" and message.type in _TOLD.values()
    )
    happened = Counter(
        (step.order_id, _TOLD[step.after])
        for step in evidence.steps
        if step.axis == "order" and step.after in _TOLD and step.before != step.after
    )
    for key in sorted(told.keys() | happened.keys()):
        if told[key] != happened[key]:
            yield Violation(
                "told_differs",
                f"{key[1]} about {key[0]} was told {told[key]} times and happened {happened[key]} times.",
            )
