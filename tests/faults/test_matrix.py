"""Every dependency broken in every way, on the real processes: what the table says is what customers see."""

import asyncio
from collections.abc import Iterator, Mapping

import httpx
import pytest

from libs.testing.background import BackgroundLoop
from libs.testing.scale import FULL
from libs.testing.waiting import eventually
from tests.faults.customer import DEADLINE_MS, RECOVERY_SECONDS, Customer, Outcome
from tests.faults.table import PAGE, WORKS, Dependency, allows, load_matrix, page
from tests.faults.wiring import Wired, wired_stack

MATRIX = load_matrix()
CELLS = MATRIX.cells() if FULL else MATRIX.sample()

BUSY_MACHINE_SECONDS = 4.0
"""How much later than its deadline an answer may arrive here, where everything shares two processors. An operation
that has no bound of its own takes far longer than this."""


class Scene:
    """The stack with its one customer; coroutines run in a loop that outlives the single test."""

    def __init__(self, stack: Wired, loop: BackgroundLoop) -> None:
        self.stack = stack
        self._loop = loop
        self._http = httpx.AsyncClient(base_url=stack.gateway, timeout=60)
        self._customer = Customer(self._http)

    def open(self) -> None:
        self._loop.run(self._opened(), timeout=300)

    def close(self) -> None:
        self._loop.run(self._http.aclose())

    def play(self, dependency: str, fault: str) -> Mapping[str, Outcome]:
        """Break the dependency, try everything, heal it, and see the order through."""
        return self._loop.run(self._played(dependency, fault), timeout=480)

    async def _opened(self) -> None:
        await self._customer.arrive(self.stack.administrator)

    async def _played(self, dependency: str, fault: str) -> Mapping[str, Outcome]:
        await self._customer.get_ready()
        proxy = self.stack.proxy
        await asyncio.to_thread(proxy.apply, dependency, MATRIX.faults[fault].fault)
        try:
            outcomes = await self._tried(MATRIX.dependencies[dependency], fault)
        finally:
            await asyncio.to_thread(proxy.heal_all)
        placed = await self._customer.place_again()
        order_id = placed.headers["Location"].rpartition("/")[2]
        await eventually(lambda: self._customer.is_paid(order_id), timeout=RECOVERY_SECONDS)
        await eventually(self._customer.everything_works, timeout=RECOVERY_SECONDS)
        return outcomes

    async def _tried(self, row: Dependency, fault: str) -> Mapping[str, Outcome]:
        """Try everything once, and what should work again while the machine is too busy for it."""
        outcomes = dict(await self._customer.try_everything())

        async def nothing_was_too_busy() -> bool:
            busy = [
                name
                for name, one in outcomes.items()
                if row.answers(name, fault) == WORKS and one.status in {503, 504}
            ]
            if busy:
                again = await self._customer.try_everything()
                outcomes.update({name: again[name] for name in busy})
            return not busy

        await eventually(
            nothing_was_too_busy, timeout=RECOVERY_SECONDS, message=f"{row.says} {fault}"
        )
        return outcomes


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, background: BackgroundLoop) -> Iterator[Scene]:
    with wired_stack(tmp_path_factory.mktemp("wired")) as stack:
        scene = Scene(stack, background)
        try:
            scene.open()
            yield scene
        finally:
            scene.close()


@pytest.mark.parametrize(("dependency", "fault"), CELLS)
def test_customers_see_what_the_table_says_and_everything_recovers(
    scene: Scene, dependency: str, fault: str
) -> None:
    outcomes = scene.play(dependency, fault)
    row = MATRIX.dependencies[dependency]
    allowed = {name: row.answers(name, fault) for name in MATRIX.operations}
    assert outcomes.keys() == allowed.keys()
    surprises = {
        name: (one, allowed[name])
        for name, one in outcomes.items()
        if not allows(allowed, name, one.status, one.code)
    }
    assert not surprises
    for name, one in outcomes.items():
        assert one.seconds < DEADLINE_MS / 1000 + BUSY_MACHINE_SECONDS, (name, one)
        if one.status in {503, 504}:
            assert one.retry_after is not None, f"{name} does not say when to come back: {one}"


def test_every_dependency_is_tried_with_every_fault() -> None:
    assert len(MATRIX.cells()) == 40
    assert {fault for _, fault in MATRIX.sample()} == set(MATRIX.faults)
    assert {dependency for dependency, _ in MATRIX.sample()} == set(MATRIX.dependencies)
    for dependency in MATRIX.dependencies.values():
        assert dependency.expect.keys() <= MATRIX.operations.keys()
        assert dependency.unless.keys() <= MATRIX.faults.keys()


def test_the_page_says_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(MATRIX), "run python -m tests.faults.table"
