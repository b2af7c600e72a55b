"""The messages are a public interface: every change of them is a visible change of the generated documents."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from libs.contracts import COMMANDS, EVENTS, MESSAGES
from libs.contracts.message import Message
from libs.messaging.catalogue import DOCS, breaking_changes_in, schema_of, stale_files
from libs.messaging.envelope import schema_uri
from libs.messaging.routing import Routing

PERSONAL = re.compile(
    r"(^|_)(e?mail|phone|first_?name|last_?name|display_?name|full_?name|street|postal|postcode|zip"
    r"|address|birth|password|token|card|iban|ip)(_|$)"
)
TYPE = re.compile(r"[a-z]+(\.[a-z]+(_[a-z]+)*)+\.v[1-9][0-9]*")
ALLOWED_NAMES: frozenset[str] = frozenset()

ASYNCAPI: dict[str, Any] = json.loads((DOCS / "asyncapi.json").read_text(encoding="utf-8"))


def test_the_generated_documents_are_current() -> None:
    assert stale_files(Routing.load()) == [], "run `make events` and look at the difference"


def test_no_committed_version_changed_its_meaning() -> None:
    assert breaking_changes_in() == []


def test_types_are_unique_and_versioned() -> None:
    assert len(MESSAGES) == len(EVENTS) + len(COMMANDS)
    for type_ in MESSAGES:
        assert TYPE.fullmatch(type_), type_


@pytest.mark.parametrize("message", MESSAGES.values(), ids=lambda message: message.type)
def test_a_message_names_its_subject_and_says_what_it_is_for(message: type[Message]) -> None:
    assert message.subject_field in message.model_fields
    assert message.__doc__


@pytest.mark.parametrize("message", MESSAGES.values(), ids=lambda message: message.type)
def test_schemas_are_valid_and_named_like_their_type(message: type[Message]) -> None:
    schema = json.loads((DOCS / f"schemas/{message.type}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema == schema_of(message)
    assert schema["$id"] == schema_uri(message.type)


@pytest.mark.parametrize("message", MESSAGES.values(), ids=lambda message: message.type)
def test_no_message_has_a_field_for_personal_data(message: type[Message]) -> None:
    personal = {name for name in _field_names(schema_of(message)) if PERSONAL.search(name)}
    assert personal <= ALLOWED_NAMES, "send an id; who needs more asks the owner for it"


def test_every_published_type_has_a_row_in_the_table() -> None:
    table = (DOCS / "events.md").read_text(encoding="utf-8")
    for type_ in MESSAGES:
        assert f"[`{type_}`](schemas/{type_}.json)" in table


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    references = list(_references(ASYNCAPI))
    assert references
    for reference in references:
        if reference.startswith("./"):
            assert (DOCS / reference).exists(), reference
        else:
            assert _resolve(reference), reference


def test_the_asyncapi_document_has_every_channel_sender_and_receiver() -> None:
    routing = Routing.load()
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert set(ASYNCAPI["channels"]) == {
        *routing.topics.values(),
        *(queue.name for queue in routing.command_queues.values()),
    }
    receives = {
        (name.split(".")[0], reference["$ref"].split("/")[-1])
        for name, operation in ASYNCAPI["operations"].items()
        if operation["action"] == "receive"
        for reference in operation["messages"]
    }
    services = {*routing.event_queues, *routing.command_queues}
    assert receives == {
        (service, type_) for service in services for type_ in routing.types_handled_by(service)
    }


def _field_names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from _field_names(value)


def _references(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        if "$ref" in document:
            yield document["$ref"]
        for value in document.values():
            yield from _references(value)
    elif isinstance(document, list):
        for value in document:
            yield from _references(value)


def _resolve(reference: str) -> Any:
    node: Any = ASYNCAPI
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node
