import json

import pytest
from pydantic import ValidationError

from libs.messaging.envelope import Envelope, UnknownMessageTypeError
from tests.libs.messaging.traffic import envelope, placed


def test_an_envelope_survives_the_wire() -> None:
    sent = envelope(traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01", causationid="c")
    received = Envelope.from_json(sent.to_json())
    assert received == sent
    assert received.message() == placed()


def test_absent_attributes_are_left_out_not_null() -> None:
    wire = json.loads(envelope().to_json())
    assert "traceparent" not in wire
    assert wire["specversion"] == "1.0"
    assert all(name.islower() and name.isalnum() for name in wire)


def test_unknown_attributes_and_fields_are_ignored() -> None:
    wire = json.loads(envelope().to_json())
    wire["partitionkey"] = "x"
    wire["data"]["gift_note"] = "new in a later release"
    assert Envelope.from_json(json.dumps(wire)).message() == placed()


def test_a_type_of_another_release_is_named() -> None:
    with pytest.raises(UnknownMessageTypeError, match=r"order\.teleported\.v1"):
        envelope(type="order.teleported.v1").message()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"specversion": "0.3"}'])
def test_what_is_no_cloud_event_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Envelope.from_json(text)
