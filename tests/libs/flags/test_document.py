"""One shape for both sources: all of it is understood, or none of it counts."""

import json

import pytest

from libs.flags.document import MalformedDocument, parse
from libs.flags.flags import Flag, Flags
from libs.flags.provider import DocumentProvider

OPEN = Flag("checkout_open", default=True, description="Orders are taken")
LOUD = Flag("loud", default=False, description="Everything is shouted")


def test_a_document_says_what_is_on() -> None:
    content = json.dumps({"checkout_open": {"enabled": False}, "loud": {"enabled": True}})
    assert parse(content.encode()) == {"checkout_open": False, "loud": True}


def test_what_appconfig_may_say_beside_a_flag_is_passed_over() -> None:
    assert parse(b'{"loud": {"enabled": true, "volume": 11, "_variant": "all"}}') == {"loud": True}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the document: Invalid JSON"),
        (b'{"loud": {"enabled": tr', "the document: Invalid JSON"),
        (b"\xff\xfe", "the document: Invalid JSON"),
        (b"[]", "the document: Input should be an object"),
        (b'{"loud": true}', "loud: Input should be an object"),
        (b'{"loud": {}}', "loud.enabled: Field required"),
        (b'{"loud": {"enabled": "true"}}', "loud.enabled: Input should be a valid boolean"),
        (b'{"ok": {"enabled": true}, "loud": {"enabled": 1}}', "loud.enabled: Input should be"),
    ],
)
def test_a_document_is_refused_whole_with_what_is_wrong_in_it(content: bytes, says: str) -> None:
    with pytest.raises(MalformedDocument) as refused:
        parse(content)
    assert str(refused.value).startswith(says)


def test_the_declared_default_holds_for_what_no_document_names() -> None:
    provider = DocumentProvider()
    flags = Flags(provider)
    assert (flags.is_on(OPEN), flags.is_on(LOUD)) == (True, False)
    provider.hold({"checkout_open": False})
    assert (flags.is_on(OPEN), flags.is_on(LOUD)) == (False, False)
    provider.hold({})
    assert flags.is_on(OPEN)


def test_two_shops_in_one_process_have_flags_of_their_own() -> None:
    one, other = DocumentProvider(), DocumentProvider()
    ours, theirs = Flags(one), Flags(other)
    one.hold({"loud": True})
    assert (ours.is_on(LOUD), theirs.is_on(LOUD)) == (True, False)


def test_a_flag_is_on_or_off_and_nothing_else() -> None:
    provider = DocumentProvider()
    client = Flags(provider)._client
    provider.hold({"loud": True})
    assert client.get_string_value("loud", "piano") == "piano"
    assert client.get_integer_value("loud", 3) == 3
    assert client.get_float_value("loud", 0.5) == 0.5
    assert client.get_object_value("loud", {"a": 1}) == {"a": 1}
    assert client.get_string_details("loud", "piano").error_code == "TYPE_MISMATCH"
    assert client.get_boolean_details("quiet", default_value=True).error_code == "FLAG_NOT_FOUND"
    assert client.provider.get_metadata().name == "meridian-document"
