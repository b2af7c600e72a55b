import pytest
from pydantic import ValidationError

from libs.contracts import COMMANDS, EVENTS
from libs.contracts.auth import AuthErasureCompleted, IdentityRegistered
from libs.contracts.message import Message
from libs.contracts.payment import AuthorizePayment
from libs.messaging.routing import Routing
from libs.messaging.topology import subscription_attributes
from libs.topology import SERVICES
from tests.libs.messaging.traffic import placed


@pytest.fixture
def routing() -> Routing:
    return Routing.load()


def test_every_service_has_a_topic_and_every_command_a_queue(routing: Routing) -> None:
    assert set(routing.topics) == set(SERVICES)
    assert {command.receiver for command in COMMANDS} == set(routing.command_queues)


def test_only_known_types_of_the_publisher_are_subscribed(routing: Routing) -> None:
    published = {(event.publisher, event.type) for event in EVENTS}
    for subscription in routing.subscriptions:
        assert {(subscription.publisher, type_) for type_ in subscription.types} <= published


def test_sns_takes_the_filter_policies(routing: Routing) -> None:
    for subscription in routing.subscriptions:
        policy = subscription.filter_policy("us-east-1")
        combinations = 1
        for values in policy.values():
            combinations *= len(values)
        assert len(policy) <= 5
        assert combinations <= 150


def test_a_process_subscription_takes_own_events_and_a_replica_the_others(
    routing: Routing,
) -> None:
    process = routing.subscriptions[0]
    replica = process.model_copy(update={"kind": "replica"})
    assert process.filter_policy("eu-west-1")["originregion"] == ["eu-west-1"]
    assert replica.filter_policy("eu-west-1")["originregion"] == [{"anything-but": ["eu-west-1"]}]


def test_every_queue_and_subscription_has_dead_letters_of_its_kind(routing: Routing) -> None:
    for queue in routing.all_queues():
        assert queue.dead_letter.endswith(".fifo") == queue.fifo
    for subscription in routing.subscriptions:
        assert "RedrivePolicy" in subscription_attributes(subscription, "us-east-1", "arn")


def test_the_inbox_outlives_everything_that_can_deliver_again(routing: Routing) -> None:
    days = routing.retention_days
    # Sent again from the outbox on its last day, it waits in the queue and then among the dead letters.
    assert days.inbox > days.outbox + days.queue + days.dead_letter


def test_destinations_follow_publisher_and_receiver(routing: Routing) -> None:
    command = AuthorizePayment(
        order_id="ord_1",
        user_id="usr_1",
        home_region="us-east-1",
        amount=placed().total,
        payment_method="tok_ok",
    )
    assert routing.destination_of(placed()) == "topic:order-events"
    assert routing.destination_of(command) == "queue:payment-commands.fifo"


def test_what_is_neither_event_nor_command_has_no_destination(routing: Routing) -> None:
    class Rumour(Message):
        type = "rumour.v1"
        subject_field = "about"
        about: str

    with pytest.raises(TypeError, match="Rumour"):
        routing.destination_of(Rumour(about="x"))


def test_services_ask_for_their_queues_and_types(routing: Routing) -> None:
    assert [queue.name for queue in routing.queues_of("payment")] == [
        "payment-inbox",
        "payment-commands.fifo",
    ]
    assert [queue.name for queue in routing.queues_of("cart")] == ["cart-inbox"]
    assert routing.queues_of("nobody") == ()
    assert {IdentityRegistered.type, AuthErasureCompleted.type} <= routing.event_types_for("user")
    assert "payment.authorize.v1" in routing.types_handled_by("payment")
    assert routing.topic_of("order") == "order-events"
    assert routing.command_queue_of("product").fifo


@pytest.mark.parametrize(
    ("section", "value"),
    [("publisher", "nobody"), ("consumer", "nobody")],
)
def test_a_subscription_to_something_unknown_is_refused(
    routing: Routing, section: str, value: str
) -> None:
    document = routing.model_dump()
    document["subscriptions"][0][section] = value
    with pytest.raises(ValidationError, match="nobody"):
        Routing.model_validate(document)
