import pytest
from starlette.requests import Request

from libs.web.prefer import Preferences, preferences_of


def asking(*headers: str) -> Preferences:
    return preferences_of(
        Request({"type": "http", "headers": [(b"prefer", one.encode()) for one in headers]})
    )


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=5", 5),
        ("wait=0", 0),
        ("Wait = 7", 7),
        ('wait="9"', 9),
        ("respond-async, wait=20", 20),
        ("wait=21", 20),
        ("wait=99999999999999999999999", 20),
        ("wait=3; foo=bar", 3),
        ("wait=3, wait=9", 3),
        ("wait", None),
        ("wait=", None),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait=x", None),
        ("wait=\xb2", None),
        ("waiting=3", None),
        ("", None),
        (",,,;=", None),
    ],
)
def test_the_time_to_wait_is_capped_and_nonsense_is_ignored(
    header: str, seconds: int | None
) -> None:
    assert asking(header).wait == seconds


def test_several_headers_count_as_one() -> None:
    assert asking("return=minimal", "respond-async", "wait=2") == Preferences(wait=2)
    assert asking() == Preferences()


def test_what_was_applied_is_said() -> None:
    assert asking("wait=2").wait_applied() == {"Preference-Applied": "wait=2"}
    assert asking().wait_applied() == {}
