"""Experiments about sizes, batches and names."""

from typing import Final

from tests.emulator.lab import Lab, is_refused

LARGEST: Final = 262_144
BATCH: Final = 10


async def a_queue_refuses_a_message_above_its_largest_size(lab: Lab) -> None:
    queue = await lab.queue(MaximumMessageSize=str(LARGEST))
    await queue.send("x" * LARGEST)
    assert await is_refused(queue.send("x" * (LARGEST + 1)))


async def a_topic_refuses_a_message_above_256_kib(lab: Lab) -> None:
    topic = await lab.topic()
    assert await is_refused(topic.publish("x" * (LARGEST + 1)))


async def a_bad_entry_of_a_batch_fails_alone(lab: Lab) -> None:
    queue = await lab.queue()
    answer = await queue.sqs.send_message_batch(
        QueueUrl=queue.url,
        Entries=[
            {"Id": "good", "MessageBody": "good"},
            {"Id": "bad", "MessageBody": "bad", "DelaySeconds": 901},
        ],
    )
    assert [one["Id"] for one in answer.get("Failed", [])] == ["bad"]
    assert [one["Id"] for one in answer["Successful"]] == ["good"]


async def a_bad_receipt_in_a_batch_fails_alone(lab: Lab) -> None:
    queue = await lab.queue()
    await queue.send()
    message = await queue.receive_one()
    entries = [
        {"Id": "good", "ReceiptHandle": message["ReceiptHandle"]},
        {"Id": "bad", "ReceiptHandle": "nonsense"},
    ]
    answer = await queue.sqs.delete_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [one["Id"] for one in answer.get("Failed", [])] == ["bad"]
    assert [one["Id"] for one in answer["Successful"]] == ["good"]


async def a_bad_receipt_in_a_batch_of_extensions_fails_alone(lab: Lab) -> None:
    queue = await lab.queue()
    await queue.send()
    message = await queue.receive_one()
    entries = [
        {"Id": "good", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 30},
        {"Id": "bad", "ReceiptHandle": "nonsense", "VisibilityTimeout": 30},
    ]
    answer = await queue.sqs.change_message_visibility_batch(QueueUrl=queue.url, Entries=entries)
    assert [one["Id"] for one in answer.get("Failed", [])] == ["bad"]
    assert [one["Id"] for one in answer["Successful"]] == ["good"]


async def a_batch_has_ten_entries_at_most(lab: Lab) -> None:
    queue = await lab.queue()
    entries = [{"Id": str(number), "MessageBody": "x"} for number in range(BATCH + 1)]
    assert await is_refused(queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries))


async def creating_a_queue_again_changes_nothing(lab: Lab) -> None:
    queue = await lab.queue(VisibilityTimeout="7")
    name = queue.url.rpartition("/")[2]
    again = await queue.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "7"})
    assert again["QueueUrl"] == queue.url


async def creating_a_queue_again_with_other_attributes_is_refused(lab: Lab) -> None:
    queue = await lab.queue(VisibilityTimeout="7")
    name = queue.url.rpartition("/")[2]
    assert await is_refused(
        queue.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "8"})
    )


async def a_missing_queue_and_a_missing_topic_are_errors(lab: Lab) -> None:
    queue, topic = await lab.queue(), await lab.topic()
    assert await is_refused(queue.sqs.get_queue_url(QueueName="nobody-made-this-one"))
    assert await is_refused(topic.sns.publish(TopicArn=f"{topic.arn}-missing", Message="x"))


EXPERIMENTS: Final = (
    a_queue_refuses_a_message_above_its_largest_size,
    a_topic_refuses_a_message_above_256_kib,
    a_bad_entry_of_a_batch_fails_alone,
    a_bad_receipt_in_a_batch_fails_alone,
    a_bad_receipt_in_a_batch_of_extensions_fails_alone,
    a_batch_has_ten_entries_at_most,
    creating_a_queue_again_changes_nothing,
    creating_a_queue_again_with_other_attributes_is_refused,
    a_missing_queue_and_a_missing_topic_are_errors,
)
