import pytest
from starlette.requests import Request

from libs.web.conditional import (
    PUBLIC_CATALOGUE,
    PreconditionFailed,
    PreconditionRequired,
    check_match,
    conditional_response,
    etag_of,
    json_response,
    not_modified,
    require_match,
)
from libs.web.strict import ResponseModel


class Shown(ResponseModel):
    name: str


def asking(**headers: str) -> Request:
    return Request(
        {
            "type": "http",
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
        }
    )


def test_tags_are_strong_and_follow_the_state() -> None:
    assert etag_of(7) == '"v7"'
    assert etag_of(b"a") != etag_of(b"b")
    assert etag_of(b"a").startswith('"')


@pytest.mark.parametrize("header", ['"v7"', '"v6", "v7"', '"x,y","v7"', "*"])
def test_a_current_tag_lets_the_request_pass(header: str) -> None:
    require_match(asking(if_match=header), etag_of(7))


@pytest.mark.parametrize("header", ['"v6"', 'W/"v7"', "v7", "", '"v77"', "'v7'"])
def test_a_stale_weak_or_malformed_tag_is_refused_with_the_current_one(header: str) -> None:
    with pytest.raises(PreconditionFailed) as refused:
        check_match(asking(if_match=header), etag_of(7))
    assert refused.value.headers == {"ETag": '"v7"'}
    assert refused.value.status == 412


def test_where_a_lost_update_costs_money_the_tag_is_required() -> None:
    with pytest.raises(PreconditionRequired):
        require_match(asking(), etag_of(7))
    check_match(asking(), etag_of(7))


@pytest.mark.parametrize(
    ("header", "same"),
    [('"v7"', True), ('W/"v7"', True), ('"a", W/"v7"', True), ("*", True), ('"v8"', False)],
)
def test_a_copy_that_is_still_right_is_recognised(header: str, same: bool) -> None:  # noqa: FBT001 - a table
    assert not_modified(asking(if_none_match=header), etag_of(7)) is same
    assert not_modified(asking(), etag_of(7)) is False


def test_an_unchanged_representation_is_answered_without_its_body() -> None:
    fresh = conditional_response(asking(), b"{}", etag='"v1"', cache_control=PUBLIC_CATALOGUE)
    same = conditional_response(
        asking(if_none_match='"v1"'), b"{}", etag='"v1"', cache_control=PUBLIC_CATALOGUE
    )
    assert (fresh.status_code, fresh.body) == (200, b"{}")
    assert (same.status_code, same.body) == (304, b"")
    assert same.headers["etag"] == '"v1"'
    assert same.headers["cache-control"] == PUBLIC_CATALOGUE


def test_a_model_is_answered_privately_unless_said_otherwise() -> None:
    answer = json_response(Shown(name="Ada"), status=201, etag='"v1"', headers={"Location": "/x"})
    assert answer.status_code == 201
    assert answer.body == b'{"name":"Ada"}'
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["location"] == "/x"
