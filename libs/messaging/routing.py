"""Who sends what to whom, read from `routing.json`: the local stack, the generated documents and the tests read this file."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from libs.contracts import COMMANDS
from libs.contracts.message import Command, Event, Message

ROUTING_FILE = Path(__file__).with_name("routing.json")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RetentionDays(_Strict):
    """How long each store keeps a message; the inbox outlives queue, dead letters and a redrive."""

    outbox: int
    inbox: int
    queue: int
    dead_letter: int


class QueueDefaults(_Strict):
    """What a queue has unless its own row says otherwise (seconds; deliveries before the dead letters)."""

    visibility_seconds: int
    long_poll_seconds: int
    max_receive_count: int


class Queue(_Strict):
    """One queue and its dead-letter queue; names lack the prefix. `senders` may write commands to it."""

    name: str
    dead_letter: str
    senders: tuple[str, ...] = ()
    visibility_seconds: int
    long_poll_seconds: int
    max_receive_count: int

    @property
    def fifo(self) -> bool:
        return self.name.endswith(".fifo")


class Subscription(_Strict):
    """Which types of a publisher's topic reach a consumer's queue.

    `process` takes this region's own events only; `replica` takes other regions' into read-only tables.
    """

    publisher: str
    consumer: str
    kind: Literal["process", "replica"]
    types: Annotated[tuple[str, ...], Field(min_length=1)]

    def filter_policy(self, region: str) -> dict[str, list[object]]:
        """Return the SNS filter policy over message attributes for a subscriber in `region`."""
        origin: object = region if self.kind == "process" else {"anything-but": [region]}
        return {"type": list(self.types), "originregion": [origin]}


class Routing(_Strict):
    """The whole routing table."""

    retention_days: RetentionDays
    queue_defaults: QueueDefaults
    topics: Mapping[str, str]
    event_queues: Mapping[str, Queue]
    command_queues: Mapping[str, Queue]
    subscriptions: tuple[Subscription, ...]

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: dict[str, object]) -> dict[str, object]:
        data = {key: value for key, value in data.items() if key != "$comment"}
        defaults = data.get("queue_defaults")
        for section in ("event_queues", "command_queues"):
            queues = data.get(section)
            if isinstance(defaults, dict) and isinstance(queues, dict):
                data[section] = {owner: {**defaults, **row} for owner, row in queues.items()}
        return data

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        for subscription in self.subscriptions:
            if subscription.publisher not in self.topics:
                raise ValueError(f"subscription to unknown topic of {subscription.publisher!r}")
            if subscription.consumer not in self.event_queues:
                raise ValueError(f"subscription of {subscription.consumer!r}, which has no queue")
        return self

    @classmethod
    def load(cls) -> "Routing":
        """Return the checked-in routing table.

        Raises:
            pydantic.ValidationError: the file names a topic or queue that does not exist.
        """
        return _load()

    def topic_of(self, publisher: str) -> str:
        """Name the topic a service publishes its events to."""
        return self.topics[publisher]

    def command_queue_of(self, receiver: str) -> Queue:
        """Return the FIFO queue a service receives its commands from."""
        return self.command_queues[receiver]

    def queues_of(self, service: str) -> tuple[Queue, ...]:
        """Return every queue a service reads: events first, then commands; often none or one."""
        both = (self.event_queues.get(service), self.command_queues.get(service))
        return tuple(queue for queue in both if queue is not None)

    def event_types_for(self, consumer: str) -> frozenset[str]:
        """Return the event types subscribed for a service, over all publishers."""
        return frozenset(
            type_
            for subscription in self.subscriptions
            if subscription.consumer == consumer
            for type_ in subscription.types
        )

    def types_handled_by(self, service: str) -> frozenset[str]:
        """Return every type that can arrive at a service: subscribed events and its own commands."""
        commands = {command.type for command in COMMANDS if command.receiver == service}
        return self.event_types_for(service) | commands

    def destination_of(self, message: Message) -> str:
        """Return where a message goes, as stored in the outbox: `topic:order-events` or `queue:...fifo`."""
        match message:
            case Event():
                return f"topic:{self.topic_of(message.publisher)}"
            case Command():
                return f"queue:{self.command_queue_of(message.receiver).name}"
            case _:
                raise TypeError(f"{type(message).__name__} is neither an event nor a command")

    def owner_of(self, queue: Queue) -> str:
        """Return the service that reads a queue.

        Raises:
            LookupError: no service does.
        """
        for queues in (self.event_queues, self.command_queues):
            for owner, one in queues.items():
                if one.name == queue.name:
                    return owner
        raise LookupError(f"nobody reads {queue.name}")

    def all_queues(self) -> Iterator[Queue]:
        """Yield every queue once."""
        yield from self.event_queues.values()
        yield from self.command_queues.values()


@cache
def _load() -> Routing:
    return Routing.model_validate_json(ROUTING_FILE.read_text(encoding="utf-8"))
