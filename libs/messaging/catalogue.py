"""Writes what the contracts and the routing table say for people and tools: JSON Schemas, AsyncAPI, a table."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from libs.contracts import COMMANDS, EVENTS, MESSAGES
from libs.contracts.message import Command, Event, Message
from libs.messaging.asyncapi import asyncapi_document, summary_of
from libs.messaging.compatibility import breaking_changes
from libs.messaging.envelope import schema_uri
from libs.messaging.routing import Routing

DOCS: Final = Path(__file__).parents[2] / "docs"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def generated_files(routing: Routing) -> Mapping[str, str]:
    """Return every generated document's text by its path under `docs/`."""
    files = {
        f"schemas/{message.type}.json": _as_json(schema_of(message))
        for message in MESSAGES.values()
    }
    files["asyncapi.json"] = _as_json(asyncapi_document(routing))
    files["events.md"] = _markdown(routing)
    return files


def write_files(routing: Routing, docs: Path = DOCS) -> None:
    """Write the generated documents and remove the schemas of types that are gone."""
    files = generated_files(routing)
    for name in stale_files(routing, docs):
        if name not in files:
            (docs / name).unlink()
    for name, text in files.items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_text(text, encoding="utf-8")


def stale_files(routing: Routing, docs: Path = DOCS) -> list[str]:
    """Return the paths that are missing, differ, or have no message any more."""
    files = generated_files(routing)
    gone = [
        f"schemas/{path.name}"
        for path in sorted((docs / "schemas").glob("*.json"))
        if f"schemas/{path.name}" not in files
    ]
    return gone + [name for name, text in files.items() if _text_of(docs / name) != text]


def schema_of(message: type[Message]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a message's data; unknown fields are allowed, as readers ignore them."""
    schema = message.model_json_schema()
    return {
        "$schema": _DIALECT,
        "$id": schema_uri(message.type),
        "title": schema.pop("title"),
        "description": summary_of(message),
        **{key: value for key, value in schema.items() if key != "description"},
    }


def breaking_changes_in(docs: Path = DOCS) -> list[str]:
    """Compare every committed schema with its class."""
    found: list[str] = []
    for path in sorted((docs / "schemas").glob("*.json")):
        message = MESSAGES.get(path.stem)
        if message is not None:
            committed = json.loads(path.read_text(encoding="utf-8"))
            found += [
                f"{path.stem}: {what}" for what in breaking_changes(committed, schema_of(message))
            ]
    return found


def _markdown(routing: Routing) -> str:
    lines = [
        "# Messages",
        "",
        "Written by `python -m libs.messaging events` from `libs/contracts` and",
        "`libs/messaging/routing.json`; do not edit. Envelope: CloudEvents 1.0 JSON. Field by field:",
        "`schemas/<type>.json`; channels and operations: `asyncapi.json`.",
        "",
        "## Events",
        "",
        "One SNS topic per publisher, one SQS queue per consumer, filtered by exact type.",
        "",
        "| type | publisher | about | what happened | consumed by |",
        "|---|---|---|---|---|",
    ]
    lines += [_event_row(event, routing) for event in EVENTS]
    lines += [
        "",
        "## Commands",
        "",
        "Straight to the receiver's FIFO queue, ordered by subject.",
        "",
        "| type | receiver | queue | ordered by | what is asked |",
        "|---|---|---|---|---|",
    ]
    lines += [_command_row(command, routing) for command in COMMANDS]
    return "\n".join([*lines, ""])


def _event_row(event: type[Event], routing: Routing) -> str:
    consumers = [
        subscription.consumer
        for subscription in routing.subscriptions
        if subscription.publisher == event.publisher and event.type in subscription.types
    ]
    return (
        f"| [`{event.type}`](schemas/{event.type}.json) | {event.publisher} "
        f"| `{event.subject_field}` | {summary_of(event)} | {', '.join(consumers) or 'nobody yet'} |"
    )


def _command_row(command: type[Command], routing: Routing) -> str:
    queue = routing.command_queue_of(command.receiver)
    return (
        f"| [`{command.type}`](schemas/{command.type}.json) | {command.receiver} "
        f"| `{queue.name}` | `{command.subject_field}` | {summary_of(command)} |"
    )


def _as_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
