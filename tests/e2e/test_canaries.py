"""Values that stand for people go through every operation; nothing that is kept, told or shown beside it has them."""

import base64
import re
from collections.abc import AsyncIterator, Iterator
from typing import Final

import httpx
import pytest
import pytest_asyncio

from tests.architecture.applications import ROOT
from tests.architecture.authorization import rows
from tests.e2e.authorization.world import made_in
from tests.e2e.canaries.keeping import left_over, may_be_told
from tests.e2e.canaries.lives import live_a_life, make_a_message_fail
from tests.e2e.canaries.marks import Marks, Place
from tests.e2e.canaries.operations import FORMS, QUERIES, operations
from tests.e2e.canaries.pushing import Pusher
from tests.e2e.canaries.traces import Watched, collector
from tests.e2e.stack import OVERRIDES, PATIENCE, start_stack

pytestmark = [pytest.mark.e2e, pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

READS_A_PARAMETER: Final = re.compile(
    r"(?:form|parameters)(?:\.get\(|\[)\"(\w+)\"|(?:required|words)\(\w+, \"(\w+)\"|query_params\.get\(\"(\w+)\""
)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Iterator[Watched]:
    home = tmp_path_factory.mktemp("watched")
    with collector() as (spans, endpoint):
        file = home / "watched.env"
        file.write_text(f"{OVERRIDES}{PATIENCE}OTLP_ENDPOINT={endpoint}\nREDIS_URL={valkey}\n")
        stack = start_stack(home, settings={"MERIDIAN_ENV_FILE": str(file)})
        yield Watched(stack, spans, valkey)
        stack.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pushed(watched: Watched) -> AsyncIterator[Pusher]:
    """Everything pushed through every operation, a life lived, and a message that nobody could handle."""
    marks = Marks()
    async with httpx.AsyncClient(
        base_url=watched.stack.gateway, timeout=60, trust_env=False
    ) as http:
        pusher = Pusher(watched, http, marks, await made_in(watched.stack, http))
        for operation in operations():
            await pusher.push(operation)
        await live_a_life(watched, http, marks)
        await make_a_message_fail(watched, http, marks)
        yield pusher


async def test_every_operation_and_everything_a_client_can_write_into_it_has_a_canary(
    pushed: Pusher,
) -> None:
    listed = {(service, name) for service, name, _ in rows()}
    assert {(place.service, place.operation) for place in pushed.marks.places} >= listed
    there = {place for operation in operations() for place in operation.places()}
    assert there - set(pushed.marks.places) == set(), "nothing was ever written here"


async def test_the_parameters_of_pages_and_forms_are_those_their_code_reads() -> None:
    """The control: OpenAPI does not list them, so a new one has to be added by hand."""
    read = {
        next(filter(None, found.groups()))
        for folder in ("routes/oauth", "service/oauth", "domain/oauth")
        for file in (ROOT / "services" / "auth" / folder).glob("*.py")
        for found in READS_A_PARAMETER.finditer(file.read_text(encoding="utf-8"))
    }
    listed = {name for names in (*QUERIES.values(), *FORMS.values()) for name in names}
    assert "code_challenge" in read
    assert read - listed == set()


async def test_what_was_to_get_past_the_rules_about_shapes_did(pushed: Pusher) -> None:
    assert pushed.misshapen == set()


async def test_no_refusal_repeats_what_was_sent(pushed: Pusher) -> None:
    """Its address, its request id and the names of members nobody knows are the exceptions problem documents list."""
    assert len(pushed.refusals) > 2 * len(operations())
    for operation, answer in pushed.refusals:
        told = {f"refusal of {operation.name}": may_be_told(answer)}
        assert left_over(pushed.marks, told) == [], answer.status_code


async def test_logs_spans_and_metrics_hold_nothing_a_client_wrote(
    watched: Watched, pushed: Pusher
) -> None:
    shown = {
        **{f"log of {part}": text for part, text in watched.logs().items()},
        "spans": watched.spans.text(),
        "metrics": await watched.metrics(pushed.http),
    }
    assert {"log of gateway", "log of postgres", "log of ministack", "log of auth"} <= shown.keys()
    assert left_over(pushed.marks, shown) == []


async def test_columns_hold_what_clients_wrote_sealed_or_not_at_all(
    watched: Watched, pushed: Pusher
) -> None:
    columns = await watched.columns()
    assert columns["auth.identities.email_sealed"]
    assert columns["order.outbox_messages.envelope"]
    assert left_over(pushed.marks, columns) == []


async def test_mails_say_no_more_than_whom_they_are_for(watched: Watched, pushed: Pusher) -> None:
    mails = await watched.mails(pushed.http)
    assert pushed.marks.finds(mails)
    assert left_over(pushed.marks, {"mails": mails}) == []


async def test_redis_holds_nothing_a_client_wrote(watched: Watched, pushed: Pusher) -> None:
    cached = await watched.cached()
    assert "session" in cached
    assert left_over(pushed.marks, {"redis": cached}) == []


async def test_queues_and_dead_letters_hold_nothing_a_client_wrote(
    watched: Watched, pushed: Pusher
) -> None:
    letters = await watched.letters()
    assert any("identity.registered.v1" in letter for letter in letters["user-inbox-dead"])
    assert (
        left_over(
            pushed.marks, {f"queue {name}": "\n".join(held) for name, held in letters.items()}
        )
        == []
    )


async def test_the_search_finds_what_is_there(watched: Watched, pushed: Pusher) -> None:
    """The control: logs and spans are really read, and every way of writing a mark is found."""
    assert "http_request" in watched.logs()["auth"]
    assert "service.name" in watched.spans.text()
    marks, place = Marks(), Place("auth", "login", "body", "/email")
    mark, phone = marks.of(place), marks.phone_of(place)
    for written in (mark, mark.upper(), f"\\x{mark.encode().hex()}", phone):
        assert [find.place for find in marks.finds(f"<{written}>")] == [place]
    for shift in range(3):
        encoded = base64.urlsafe_b64encode(b"x" * shift + mark.encode() + b"yz").decode()
        assert marks.finds(encoded)
    assert marks.finds(pushed.marks.of(place)) == []
