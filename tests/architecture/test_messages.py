"""Messages: the routing file equals the handler tables, and nothing personal travels."""

import ast
import importlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.contracts import COMMANDS, EVENTS, MESSAGES
from libs.messaging.routing import Routing
from libs.runtime.resources import Resources, open_resources
from libs.topology import SERVICES
from tests.architecture.applications import settings_of

ROOT = Path(__file__).parents[2]

PERSONAL = {
    "email",
    "name",
    "display_name",
    "phone",
    "address",
    "street",
    "line1",
    "city",
    "postal_code",
    "ip",
}


@pytest.fixture(params=SERVICES)
async def resources(
    request: pytest.FixtureRequest, service_keys: object, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Resources]:
    folder = service_keys
    settings = settings_of(request.param).model_copy(
        update={
            "service_key_file": folder / f"{request.param}.key.json",  # type: ignore[operator]  # a Path
            "trust_bundle_file": folder / "trust-bundle.json",  # type: ignore[operator]  # a Path
        }
    )
    async with open_resources(settings) as opened:
        yield opened


async def test_a_service_handles_exactly_what_it_is_subscribed_to(resources: Resources) -> None:
    service = resources.settings.service
    plan = importlib.import_module(f"services.{service}.worker").worker_plan(resources)
    handled = {message.type for message in plan.handlers}
    routing = Routing.load()
    commands = {command.type for command in COMMANDS if command.receiver == service}
    assert handled == set(routing.event_types_for(service)) | commands


def test_every_event_has_a_topic_and_every_command_a_queue() -> None:
    routing = Routing.load()
    for event in EVENTS:
        assert routing.topic_of(event.publisher)
    for command in COMMANDS:
        assert routing.command_queue_of(command.receiver).fifo


def test_only_the_listed_senders_send_commands() -> None:
    """Queue policies and roles are generated from the list: a sender it lacks would be refused in AWS alone."""
    routing = Routing.load()
    for receiver, queue in routing.command_queues.items():
        names = {command.__name__ for command in COMMANDS if command.receiver == receiver}
        senders = {service for service in SERVICES if _mentions(service, names)} - {receiver}
        assert set(queue.senders) == senders, queue.name


def _mentions(service: str, names: set[str]) -> bool:
    trees = (
        ast.parse(path.read_text("utf-8")) for path in (ROOT / "services" / service).rglob("*.py")
    )
    imported = {
        alias.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return bool(names & imported)


@pytest.mark.parametrize("message", MESSAGES.values(), ids=lambda message: message.type)
def test_no_message_carries_personal_data(message: type) -> None:
    assert not PERSONAL & set(message.model_fields)  # type: ignore[attr-defined]  # every message is a model
