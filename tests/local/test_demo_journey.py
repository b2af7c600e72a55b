"""A story that cannot begin says why, and what to do."""

import io

import httpx
import pytest
from fastapi import FastAPI
from rich.console import Console
from typing_extensions import override

from local.administrator import Administrator
from local.demo.journey import Story, browse_as_guest
from local.demo.observer import Observer
from local.demo.page import Page
from local.demo.shop import DemoFailed, Shop


class NothingSaid(Observer):
    """Observes a shop whose requests cause no messages."""

    @override
    async def caused_by(self, request_id: str) -> list[str]:
        return []


async def test_a_shop_that_is_not_filled_yet_is_no_riddle() -> None:
    empty = FastAPI()
    for path in ("/v1/categories", "/v1/products"):
        empty.get(path)(lambda: {"items": []})
    page = Page(Console(file=io.StringIO()))
    transport = httpx.ASGITransport(empty)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
        story = Story(Shop(http, NothingSaid(connection=None), page), Administrator("", "", ""))
        with pytest.raises(
            DemoFailed, match=r"nothing .* can be bought: wait until .* `make seed`"
        ):
            await browse_as_guest(story)
