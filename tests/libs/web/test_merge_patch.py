import httpx
import pytest
from fastapi import APIRouter
from pydantic import ValidationError

from libs.web.merge_patch import MergePatch, merge_patch
from tests.libs.web.conftest import AppOf, client_of


class ProfilePatch(MergePatch):
    name: str = ""
    phone: str | None = None


def test_changes_are_what_was_sent() -> None:
    assert ProfilePatch.model_validate({"phone": None}).changes() == {"phone": None}
    assert ProfilePatch.model_validate({"name": "Ada"}).changes() == {"name": "Ada"}


@pytest.mark.parametrize("body", [{}, {"name": None}, {"unknown": 1}])
def test_a_patch_that_changes_nothing_or_removes_what_must_stay_is_refused(
    body: dict[str, object],
) -> None:
    with pytest.raises(ValidationError):
        ProfilePatch.model_validate(body)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_rfc_7396_come_out_as_printed(
    target: object, patch: object, result: object
) -> None:
    assert merge_patch(target, patch) == result


async def test_patch_takes_merge_patches_and_says_so_when_sent_something_else(
    app_of: AppOf,
) -> None:
    router = APIRouter()

    @router.patch("/me")
    async def patch_me(body: ProfilePatch) -> dict[str, object]:
        return body.changes()

    async def sent(client: httpx.AsyncClient, media_type: str) -> httpx.Response:
        return await client.patch(
            "/me", content=b'{"phone":null}', headers={"content-type": media_type}
        )

    async with client_of(app_of(router)) as client:
        assert (await sent(client, "application/merge-patch+json")).json() == {"phone": None}
        assert (await sent(client, "application/json")).status_code == 200
        refused = await sent(client, "application/json-patch+json")
    assert refused.status_code == 415
    assert refused.headers["accept-patch"] == "application/merge-patch+json, application/json"
