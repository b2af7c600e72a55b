"""The demo's lines are aligned, fit the terminal, and carry no colours into a file."""

import io

import pytest
from rich.console import Console

from local.demo.page import Page

ORDER = "ord_01a2043fc2487ab3b74017bdcf2b8a1c"
EVENTS = " > ".join(["stock.changed.v1", "order.placed.v1", "payment.authorize.v1"] * 4)


def told(*, width: int | None) -> list[str]:
    file = io.StringIO()
    terminal = {} if width is None else {"force_terminal": True, "width": width}
    page = Page(Console(file=file, color_system=None, **terminal))  # type: ignore[arg-type]  # fewer options
    page.chapter("The order")
    page.step("order it, paying with tok_ok", "POST /v1/orders", 201, 1149.4, ORDER)
    page.tell(EVENTS)
    page.step(
        "the administrator changes its price by +1.00",
        f"PUT /v1/products/{ORDER.replace('ord', 'prd')}/variants/MUG-ELDERF-GRN-S/prices/USD",
        200,
        71,
        "",
    )
    page.fact("the order is", "confirmed")
    page.end("Everything as it should be", "green", ", in 6.1 s.")
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [None, 200, 100, 80, 64])
def test_no_line_is_wider_than_the_terminal_or_a_hundred_columns(width: int | None) -> None:
    assert max(map(len, told(width=width))) <= min(width or 100, 100)


def test_status_and_milliseconds_stand_in_one_column() -> None:
    measured = [line for line in told(width=None) if line.endswith(" ms")]
    assert [line[-14:] for line in measured] == ["201    1149 ms", "200      71 ms"]
    assert {len(line) for line in measured} == {100}


@pytest.mark.parametrize("width", [None, 80])
def test_a_step_names_its_request_and_the_id_that_came_back(width: int | None) -> None:
    lines = " ".join(" ".join(told(width=width)).split())
    assert f"POST /v1/orders {ORDER}" in lines
    assert "PUT /v1/products/{id}/variants/MUG-ELDERF-GRN-S/prices/USD" in lines


def test_a_file_gets_no_colour_codes() -> None:
    file = io.StringIO()
    Page(Console(file=file)).fact("the order is", "confirmed")
    assert file.getvalue() == "     \u2713 the order is: confirmed\n"
