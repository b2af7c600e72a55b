"""Values that stand for people go through every operation; nothing that is kept, told or shown beside it has them."""

import gzip
import json
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest
import redis.asyncio as redis
from typing_extensions import override

from libs.topology import LOCAL_PORTS, SERVICES, schema_of
from tests.e2e.shopper import ADDRESS, Shopper, new_product, settled
from tests.e2e.stack import OVERRIDES, PATIENCE, Stack, start_stack
from tests.e2e.test_mass_assignment import Target, headers_for, targets

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

TABLES: Final = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname = ANY ($1) ORDER BY 1
"""


@dataclass
class Spans:
    """What the services sent to their collector, as it came."""

    bodies: list[bytes] = field(default_factory=list)

    def text(self) -> str:
        return b"\n".join(self.bodies).decode("utf-8", "replace")


@contextmanager
def collector() -> Iterator[tuple[Spans, str]]:
    """Receive spans and metrics (OTLP over HTTP)."""
    spans = Spans()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            zipped = self.headers.get("Content-Encoding") == "gzip"
            spans.bodies.append(gzip.decompress(body) if zipped else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, *_: object) -> None:
            """Tell nobody."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield spans, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@dataclass
class Watched:
    """A stack all of whose traces can be read."""

    stack: Stack
    spans: Spans
    redis_url: str

    def logs(self) -> str:
        folder = self.stack.home / "meridian" / "logs"
        return "\n".join(file.read_text(errors="replace") for file in folder.glob("*.log"))

    async def rows(self) -> dict[str, str]:
        """Every row of every table of the six schemas, as text; what is bytes, in hexadecimal."""
        connection = await asyncpg.connect(self.stack.database)
        try:
            tables = await connection.fetch(TABLES, [schema_of(service) for service in SERVICES])
            return {
                name: "\n".join(
                    row[0]
                    for row in await connection.fetch(f"SELECT t::text FROM {name} t")  # noqa: S608 - PostgreSQL's own names
                )
                for (name,) in tables
            }
        finally:
            await connection.close()

    async def cached(self) -> str:
        """Every key of Redis, with its value."""
        async with redis.Redis.from_url(self.redis_url) as server:
            keys = [key async for key in server.scan_iter()]
            return "\n".join([f"{key!r} {await _value(server, key)!r}" for key in keys])

    async def metrics(self, http: httpx.AsyncClient) -> str:
        return "\n".join(
            [(await http.get(f"http://127.0.0.1:{self.port(s)}/metrics")).text for s in SERVICES]
        )

    def port(self, part: str) -> int:
        return LOCAL_PORTS[part] + int(self.stack.environment["PORT_OFFSET"])


async def _value(server: Any, key: bytes) -> object:
    kind = (await server.type(key)).decode()
    readers = {"string": server.get, "hash": server.hgetall, "set": server.smembers}
    if kind in readers:
        return await readers[kind](key)
    return await server.zrange(key, 0, -1, withscores=True)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Iterator[Watched]:
    home = tmp_path_factory.mktemp("watched")
    with collector() as (spans, endpoint):
        file = home / "watched.env"
        file.write_text(f"{OVERRIDES}{PATIENCE}OTLP_ENDPOINT={endpoint}\nREDIS_URL={valkey}\n")
        stack = start_stack(home, settings={"MERIDIAN_ENV_FILE": str(file)})
        yield Watched(stack, spans, valkey)
        stack.stop()


@dataclass
class Canary:
    """Somebody who does not exist; whatever is hers has the mark in it."""

    mark: str
    refusals: list[str] = field(default_factory=list)

    @property
    def person(self) -> dict[str, str]:
        return {
            "email": f"{self.mark}@example.com",
            "password": f"pass phrase {self.mark}",
            "display_name": f"Name {self.mark}",
        }

    @property
    def address(self) -> dict[str, str]:
        marked = ("recipient", "line1", "line2", "city")
        return {**ADDRESS, **{part: f"{part} {self.mark}" for part in marked}}

    def hits(self, text: str) -> list[str]:
        """Return what surrounds the mark, plain or in hexadecimal, wherever it is."""
        found = []
        for spelling in (self.mark, self.mark.encode().hex()):
            place = text.find(spelling)
            if place >= 0:
                found.append(text[max(0, place - 150) : place + 60])
        return found


@pytest.fixture
def canary() -> Canary:
    return Canary(f"canary{secrets.token_hex(6)}")


async def live_a_life(canary: Canary, http: httpx.AsyncClient, admin: Shopper) -> None:
    """Register, say who one is, buy, fail at a few things."""
    sku = await new_product(admin, stock=10)
    person = canary.person
    shopper = Shopper(http)
    registered = await shopper.send("POST", "/v1/auth/register", person)
    assert registered.status_code == 201, registered.text
    await shopper.log_in(person["email"], person["password"])
    changed = await shopper.send("PATCH", "/v1/me", {"display_name": f"Other {canary.mark}"})
    assert changed.json()["display_name"] == f"Other {canary.mark}"
    shopper.address_id = (await shopper.post("/v1/me/addresses", canary.address, 201))["address_id"]
    for method in ("tok_ok", "tok_declined"):
        cart = await shopper.fill_cart(sku)
        placed = await shopper.place(await shopper.order_body(cart["cart_id"], method))
        order = await settled(shopper, placed.json()["order_id"])
        assert canary.mark in json.dumps(order["ship_to"])
    for path, body in (
        ("/v1/auth/register", person),
        ("/v1/auth/login", {**person, "password": f"wrong {canary.mark}"}),
        ("/v1/auth/login", {"email": f"no.{canary.mark}@example.com", "password": canary.mark}),
        ("/v1/me/addresses", {**canary.address, "country": canary.mark}),
    ):
        canary.refusals.append((await shopper.send("POST", path, body)).text)


async def test_nothing_that_is_kept_or_told_has_what_a_customer_told_us(
    watched: Watched, canary: Canary
) -> None:
    async with httpx.AsyncClient(base_url=watched.stack.gateway, timeout=60) as http:
        admin = await Shopper(http).log_in("admin@meridian.example", watched.stack.admin_password)
        await live_a_life(canary, http, admin)
        metrics = await watched.metrics(http)
    rows = await watched.rows()
    assert rows["shop_auth.identities"]
    assert rows["shop_order.orders"]
    assert {name: canary.hits(text) for name, text in rows.items() if canary.hits(text)} == {}
    cached = await watched.cached()
    assert "session" in cached
    assert canary.hits(cached) == []
    assert canary.hits(metrics) == []
    assert canary.hits(watched.logs()) == []
    assert canary.hits(watched.spans.text()) == []
    assert canary.hits("\n".join(canary.refusals)) == []


def marked(value: Any, mark: str) -> Any:
    """Return a body all of whose texts have the mark."""
    if isinstance(value, dict):
        return {name: marked(part, mark) for name, part in value.items()}
    if isinstance(value, list):
        return [marked(part, mark) for part in value]
    return f"{value} {mark}@example.com" if isinstance(value, str) else value


async def test_no_operation_logs_traces_counts_or_repeats_what_it_is_sent(
    watched: Watched, canary: Canary
) -> None:
    async with httpx.AsyncClient(base_url=watched.stack.gateway, timeout=60) as http:
        admin = await Shopper(http).log_in("admin@meridian.example", watched.stack.admin_password)
        for target in targets():
            canary.refusals += await sent_badly(target, watched, canary, http, admin)
        metrics = await watched.metrics(http)
    assert len(canary.refusals) > len(targets())
    assert canary.hits("\n".join(canary.refusals)) == []
    assert canary.hits(metrics) == []
    assert canary.hits(watched.logs()) == []
    assert canary.hits(watched.spans.text()) == []


async def sent_badly(
    target: Target, watched: Watched, canary: Canary, http: httpx.AsyncClient, admin: Shopper
) -> Sequence[str]:
    """Send an operation marked values, marked garbage, a marked token and query; return the refusals."""
    path = target.path.replace("{", "").replace("}", "")
    url = f"http://127.0.0.1:{watched.port(target.service)}{path}"
    headers = headers_for(target, watched.stack, admin)
    forged = {**headers, "Authorization": f"Bearer {canary.mark}.{canary.mark}.{canary.mark}"}
    body = json.dumps(marked(target.body, canary.mark))
    answers = [
        await http.request(target.method, url, content=body, headers=headers),
        await http.request(target.method, url, content=f'{{"{canary.mark}": "', headers=headers),
        await http.request(target.method, url, content=body, headers=forged),
        await http.request(
            target.method, f"{url}?email={canary.mark}@example.com", content=body, headers=headers
        ),
    ]
    return [answer.text for answer in answers if answer.is_error]


def test_the_search_finds_what_is_there(watched: Watched) -> None:
    """The control: logs and spans are really read, and both ways of writing a mark are found."""
    assert Canary("http_request").hits(watched.logs()) or Canary("request").hits(watched.logs())
    assert Canary("service.name").hits(watched.spans.text())
    assert Canary("mark").hits("\\x6d61726b")
    assert Path(watched.stack.home / "meridian" / "logs").is_dir()
