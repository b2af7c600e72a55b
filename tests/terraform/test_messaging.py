"""The queues Terraform plans are the ones the services declare on one machine: same names, attributes and filters."""

import json
from typing import Any

import pytest

from deploy.terraform.layout import Place
from libs.messaging.routing import Queue, Routing
from tests.terraform.sandbox import Sandbox

PREFIX = "meridian"
DAY = 86_400
ROUTING = Routing.load()


@pytest.fixture(scope="module", params=["us-east-1", "ap-south-1"])
def planned(request: pytest.FixtureRequest, sandbox: Sandbox) -> dict[str, Any]:
    """Everything planned in a region, by type: the values of each resource."""
    plan = sandbox.plan(Place("prod", request.param, "messaging"))
    by_type: dict[str, Any] = {"region": request.param}
    for change in plan["resource_changes"]:
        values = {**change["change"]["after"], "key": change.get("index")}
        by_type.setdefault(change["type"], []).append(values)
    return by_type


@pytest.mark.parametrize("queue", list(ROUTING.all_queues()), ids=lambda queue: queue.name)
def test_a_queue_has_the_name_and_attributes_its_consumer_expects(
    planned: dict[str, Any], queue: Queue
) -> None:
    queues = {row["name"]: row for row in planned["aws_sqs_queue"]}
    own, dead = queues[f"{PREFIX}-{queue.name}"], queues[f"{PREFIX}-{queue.dead_letter}"]
    assert own["fifo_queue"] == dead["fifo_queue"] == queue.fifo
    assert own["visibility_timeout_seconds"] == queue.visibility_seconds
    assert own["receive_wait_time_seconds"] == queue.long_poll_seconds
    assert own["message_retention_seconds"] == ROUTING.retention_days.queue * DAY
    assert dead["message_retention_seconds"] == ROUTING.retention_days.dead_letter * DAY


def test_there_is_no_queue_and_no_topic_besides(planned: dict[str, Any]) -> None:
    routed = {name for queue in ROUTING.all_queues() for name in (queue.name, queue.dead_letter)}
    queues = {row["name"].removeprefix(f"{PREFIX}-") for row in planned["aws_sqs_queue"]}
    assert queues == routed | {"replicas", "replicas-dead", "replicas-undelivered"}
    topics = {row["name"].removeprefix(f"{PREFIX}-") for row in planned["aws_sns_topic"]}
    assert topics == set(ROUTING.topics.values())


def test_subscriptions_filter_what_the_services_filter(planned: dict[str, Any]) -> None:
    filters = {
        row["key"]: json.loads(row["filter_policy"])
        for row in planned["aws_sns_topic_subscription"]
        if row["raw_message_delivery"]
    }
    expected = {
        f"{one.publisher}-to-{one.consumer}-process": one.filter_policy(planned["region"])
        for one in ROUTING.subscriptions
        if one.kind == "process"
    }
    assert {key: filters[key] for key in expected} == expected


def test_every_queue_and_every_dead_letter_queue_has_an_alarm(planned: dict[str, Any]) -> None:
    watched = {
        row["dimensions"]["QueueName"]
        for row in planned["aws_cloudwatch_metric_alarm"]
        if row["namespace"] == "AWS/SQS"
    }
    assert watched == {row["name"] for row in planned["aws_sqs_queue"]}
