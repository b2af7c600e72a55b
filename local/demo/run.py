"""Runs the story against the gateway and tells at the end whether everything was as it should be."""

import argparse
import asyncio
import time
from collections.abc import Sequence

import asyncpg
import httpx
from rich.console import Console

from libs.topology import DATABASE_NAME
from local.demo.journey import (
    Story,
    become_customer,
    browse_as_guest,
    buy,
    notice_price_change,
    raise_price,
)
from local.demo.observer import EventsMissing, Observer
from local.demo.page import Page
from local.demo.shop import DemoFailed, Shop
from local.demo.trouble import decline, impatience, ledger, refund, sold_out
from local.refusal import Refusal
from local.running import find_shop
from local.settings import StackSettings, load_settings

REQUEST_SECONDS = 30.0
NOT_RUNNING = "Meridian does not answer at {address}: start it with `make up` in another terminal, or with Docker Compose."


def main(arguments: Sequence[str]) -> int:
    """Buy something through the gateway and print what happened."""
    argparse.ArgumentParser(prog="demo", description=main.__doc__).parse_args(arguments)
    return asyncio.run(run_demo(load_settings()))


async def run_demo(settings: StackSettings) -> int:
    """Tell the story; return 0 if every step was as it should be, 1 otherwise.

    Raises:
        Refusal: the shop is not running.
    """
    running = find_shop(settings)
    page = Page(Console())
    began = time.monotonic()
    address = running.gateway
    async with httpx.AsyncClient(base_url=address, timeout=REQUEST_SECONDS) as http:
        await _must_answer(http, address)
        connection = await _administrator(running.database, address)
        try:
            shop = Shop(http, Observer(connection), page)
            story = Story(shop, running.administrator)
            await _tell(story)
        except (DemoFailed, EventsMissing, httpx.HTTPError) as problem:
            page.end("Not as it should be:", "red", f" {str(problem) or type(problem).__name__}")
            return 1
        finally:
            await connection.close()
    took = f", in {time.monotonic() - began:.1f} s."
    page.end("Everything as it should be", "green", took)
    page.tell(f"The first order's whole story: make trace o={story.order_id}")
    page.tell("The mails its buyer got: make mail")
    return 0


async def _tell(story: Story) -> None:
    await browse_as_guest(story)
    await become_customer(story)
    await notice_price_change(story)
    await buy(story)
    await decline(story)
    await sold_out(story)
    again = await impatience(story)
    await refund(story, again)
    story.shop.chapter("Tidying up")
    await raise_price(story, by=-100)
    await ledger(story)


async def _must_answer(http: httpx.AsyncClient, address: str) -> None:
    try:
        await http.get("/v1/categories")
    except httpx.HTTPError:
        raise Refusal(NOT_RUNNING.format(address=address)) from None


async def _administrator(dsn: str, address: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(dsn, database=DATABASE_NAME)
    except (OSError, asyncpg.PostgresError):
        raise Refusal(NOT_RUNNING.format(address=address)) from None
