import asyncio

import pytest

from libs.observability.context import (
    bind,
    causation_id_var,
    correlation_id_var,
    request_id_var,
)


def test_identifiers_last_as_long_as_the_block() -> None:
    with bind(request_id="req_1", correlation_id="cor_1"):
        with bind(causation_id="msg_1"):
            assert request_id_var.get() == "req_1"
            assert correlation_id_var.get() == "cor_1"
            assert causation_id_var.get() == "msg_1"
        assert causation_id_var.get() is None
    assert request_id_var.get() is None


def test_identifiers_go_even_when_the_block_fails() -> None:
    with pytest.raises(ZeroDivisionError), bind(request_id="req_1"):
        raise ZeroDivisionError
    assert request_id_var.get() is None


async def test_tasks_do_not_see_one_anothers_identifiers() -> None:
    async def seen(name: str) -> str | None:
        with bind(request_id=name):
            await asyncio.sleep(0)
            return request_id_var.get()

    assert await asyncio.gather(*(seen(str(n)) for n in range(20))) == [str(n) for n in range(20)]
