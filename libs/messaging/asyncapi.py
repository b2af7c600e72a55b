"""The AsyncAPI 3 description of every channel, derived from the contracts and the routing table."""

import inspect
from collections.abc import Iterable
from typing import Any, Final

from libs.contracts import COMMANDS, EVENTS, MESSAGES
from libs.contracts.message import Event, Message
from libs.messaging.envelope import CONTENT_TYPE, Envelope
from libs.messaging.routing import Queue, Routing, Subscription

VERSION: Final = "1.0.0"
_DAY_SECONDS: Final = 86_400

Document = dict[str, Any]


def asyncapi_document(routing: Routing, *, prefix: str = "meridian") -> Document:
    """Return the document (AsyncAPI 3.0.0 with the SNS and SQS bindings)."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Meridian messages",
            "version": VERSION,
            "description": (
                "Events fan out from one SNS topic per publisher to one SQS queue per consumer; "
                "commands go straight to the receiver's SQS FIFO queue. At least once: receivers "
                "recognise a repeated `id`. No message holds personal data."
            ),
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {**_topics(routing, prefix), **_command_queues(routing, prefix)},
        "operations": {
            **_sends(routing),
            **_receives_events(routing, prefix),
            **_receives_commands(routing),
        },
        "components": {
            "schemas": {"CloudEvent": _envelope_schema()},
            "messages": {type_: _message(message) for type_, message in MESSAGES.items()},
        },
    }


def summary_of(message: type[Message]) -> str:
    """Return the first paragraph of a contract's docstring on one line."""
    return " ".join((inspect.getdoc(message) or "").split("\n\n", maxsplit=1)[0].split())


def _topics(routing: Routing, prefix: str) -> Document:
    return {
        topic: {
            "address": f"{prefix}-{topic}",
            "description": f"Everything {publisher} tells.",
            "messages": _references(event for event in EVENTS if event.publisher == publisher),
            "bindings": {
                "sns": {
                    "name": f"{prefix}-{topic}",
                    "ordering": {"type": "standard"},
                    "bindingVersion": "1.0.0",
                }
            },
        }
        for publisher, topic in routing.topics.items()
    }


def _command_queues(routing: Routing, prefix: str) -> Document:
    return {
        queue.name: {
            "address": f"{prefix}-{queue.name}",
            "description": f"What {receiver} is asked to do; ordered per message group.",
            "messages": _references(c for c in COMMANDS if c.receiver == receiver),
            "bindings": {"sqs": _sqs_binding(queue, routing, prefix)},
        }
        for receiver, queue in routing.command_queues.items()
    }


def _sqs_binding(queue: Queue, routing: Routing, prefix: str) -> Document:
    dead = f"{prefix}-{queue.dead_letter}"
    return {
        "queue": {
            "name": f"{prefix}-{queue.name}",
            "fifoQueue": queue.fifo,
            "visibilityTimeout": queue.visibility_seconds,
            "receiveMessageWaitTime": queue.long_poll_seconds,
            "messageRetentionPeriod": routing.retention_days.queue * _DAY_SECONDS,
            "redrivePolicy": {
                "deadLetterQueue": {"name": dead},
                "maxReceiveCount": queue.max_receive_count,
            },
        },
        "deadLetterQueue": {
            "name": dead,
            "fifoQueue": queue.fifo,
            "messageRetentionPeriod": routing.retention_days.dead_letter * _DAY_SECONDS,
        },
        "bindingVersion": "0.2.0",
    }


def _sends(routing: Routing) -> Document:
    return {
        f"{publisher}.publishes": {
            "action": "send",
            "channel": {"$ref": f"#/channels/{topic}"},
            "messages": [
                {"$ref": f"#/channels/{topic}/messages/{event.type}"}
                for event in EVENTS
                if event.publisher == publisher
            ],
        }
        for publisher, topic in routing.topics.items()
    }


def _receives_events(routing: Routing, prefix: str) -> Document:
    return {
        f"{row.consumer}.receives.{row.publisher}": {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{routing.topic_of(row.publisher)}"},
            "messages": [
                {"$ref": f"#/channels/{routing.topic_of(row.publisher)}/messages/{type_}"}
                for type_ in row.types
            ],
            "bindings": {"sns": _subscription_binding(row, routing, prefix)},
        }
        for row in routing.subscriptions
    }


def _subscription_binding(row: Subscription, routing: Routing, prefix: str) -> Document:
    queue = routing.event_queues[row.consumer]
    return {
        "consumers": [
            {
                "protocol": "sqs",
                "endpoint": {"name": f"{prefix}-{queue.name}"},
                "rawMessageDelivery": True,
                "filterPolicyScope": "MessageAttributes",
                "filterPolicy": row.filter_policy("{region}"),
                "redrivePolicy": {
                    "deadLetterQueue": {"name": f"{prefix}-{queue.dead_letter}"},
                    "maxReceiveCount": queue.max_receive_count,
                },
            }
        ],
        "bindingVersion": "1.0.0",
    }


def _receives_commands(routing: Routing) -> Document:
    return {
        f"{receiver}.receives.commands": {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{queue.name}"},
            "messages": [
                {"$ref": f"#/channels/{queue.name}/messages/{command.type}"}
                for command in COMMANDS
                if command.receiver == receiver
            ],
        }
        for receiver, queue in routing.command_queues.items()
    }


def _references(messages: Iterable[type[Message]]) -> Document:
    return {message.type: {"$ref": f"#/components/messages/{message.type}"} for message in messages}


def _message(message: type[Message]) -> Document:
    kind = "event" if issubclass(message, Event) else "command"
    return {
        "name": message.type,
        "title": message.__name__,
        "summary": summary_of(message),
        "contentType": CONTENT_TYPE,
        "tags": [{"name": kind}],
        "correlationId": {"location": "$message.payload#/correlationid"},
        "headers": {
            "type": "object",
            "required": ["type", "originregion"],
            "properties": {
                "type": {"const": message.type},
                "originregion": {"type": "string"},
                "traceparent": {"type": "string"},
            },
        },
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/CloudEvent"},
                {
                    "properties": {
                        "type": {"const": message.type},
                        "data": {"$ref": f"./schemas/{message.type}.json"},
                    }
                },
            ]
        },
    }


def _envelope_schema() -> Document:
    schema = Envelope.model_json_schema(mode="serialization")
    schema["description"] = " ".join((inspect.getdoc(Envelope) or "").split())
    for field in schema["properties"].values():
        # Absent attributes are left out, never null (CloudEvents 1.0, section 3).
        present = [choice for choice in field.pop("anyOf", ()) if choice != {"type": "null"}]
        if present:
            field.update(present[0])
            del field["default"]
    return schema
