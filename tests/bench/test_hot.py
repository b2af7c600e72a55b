import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.hot import sync_seconds, waits
from libs.database.session import Database
from libs.ids import new_id
from libs.testing.databases import Databases
from libs.testing.plugin import SettingsFor
from libs.testing.settings import PATIENCE
from services.product.main import create_app
from services.product.settings import ProductSettings
from tests.product.shop import Shop

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
async def shop(database_urls: Databases, product_app: FastAPI) -> Any:
    database = Database(
        database_urls["product"], application_name="test-bench", pool_size=2, patience=PATIENCE
    )
    yield Shop(database)
    await database.close()


@pytest.fixture
def product_app(settings_for: SettingsFor) -> FastAPI:
    settings = settings_for("product", role="api")
    assert isinstance(settings, ProductSettings)
    return create_app(settings)


@pytest.mark.parametrize(("file", "buckets"), [("hold_single.sql", 0), ("hold_spread.sql", 4)])
async def test_pgbench_runs_the_statements_the_service_runs(
    product_app: FastAPI,
    shop: Shop,
    client_for: Callable[[FastAPI], Awaitable[httpx.AsyncClient]],
    service_token: Callable[[str, str], str],
    file: str,
    buckets: int,
) -> None:
    client = await client_for(product_app)
    await shop.product("hot", stock={"HOT": 5})
    if buckets:
        await shop.spread("HOT", buckets)
    sent: list[str] = []
    engine = engine_of(product_app)

    def note(_connection: object, _cursor: object, statement: str, given: Any, *_: object) -> None:
        sent.append(without_names(statement, given))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    body = {
        "order_id": new_id("ord"),
        "currency": "USD",
        "lines": [{"sku": "HOT", "quantity": 1}],
    }
    headers = {
        "Service-Authorization": f"Bearer {service_token('order', 'product')}",
        "Idempotency-Key": "one",
    }
    answer = await client.post("/v1/reservations", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    assert statements_of(BENCH / file) == sent


def engine_of(app: FastAPI) -> AsyncEngine:
    engine: AsyncEngine = app.state.database._engine
    return engine


def without_names(statement: str, given: tuple[object, ...]) -> str:
    """Replace parameters by a question mark, or by NULL where nothing was given."""
    named = re.sub(
        r"\$(\d+)", lambda found: "NULL" if given[int(found[1]) - 1] is None else "?", statement
    )
    return " ".join(named.split())


def statements_of(file: Path) -> list[str]:
    """Return the file's statements in the same form, without the frame of the transaction."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith(("--", "\\"))]
    text = "\n".join(lines).replace("uuidv7()", "?")
    text = re.sub(r"(?<!:):[a-z_]+", "?", text)
    statements = [" ".join(one.split()) for one in text.split(";")]
    assert (statements[0], statements[-2:]) == ("BEGIN", ["COMMIT", ""])
    return statements[1:-2]


def test_waits_are_read_from_the_servers_log_for_the_statement_that_takes_pieces_only() -> None:
    log = (
        "2026 [7] postgres LOG:  duration: 12.500 ms  execute P0_5: WITH wanted AS (\n"
        "2026 [7] postgres LOG:  duration: 3.000 ms  execute P0_4: INSERT INTO reservation_lines\n"
        "2026 [7] postgres LOG:  duration: 0.020 ms  bind P0_5: WITH wanted AS (\n"
    )
    assert waits(log) == [0.0125]


async def test_a_disk_takes_some_time_to_keep_a_block(tmp_path: Path) -> None:
    assert min(await sync_seconds(tmp_path)) > 0
