from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.money import Money
from services.product.domain.catalogue import Offer, Price, ProductStatus
from services.product.domain.reservations import (
    COMMIT_MOVES,
    RELEASE_MOVES,
    Line,
    Reservation,
    ReservationState,
    ReservedLine,
    merge_lines,
    must_hold_again,
    require_for_sale,
    require_taken,
    shortages,
)
from services.product.domain.stock import Moved
from services.product.errors import (
    NotForSale,
    OutOfStock,
    ReservationClosed,
    ReservationConflict,
)

LINE = ReservedLine("A", "prd_1", "Mug", 2, 1299, 1)
HELD = Reservation("ord_1", ReservationState.HELD, "USD", None, 1, (LINE,))
WANTED = (Line("A", 2),)
OFFER = Offer(
    "A", "prd_1", "Mug", ProductStatus.ACTIVE, "USD", Price(Money(1299, "USD"), 1), available=3
)


@given(st.lists(st.builds(Line, st.sampled_from("ABCDE"), st.integers(1, 99))))
def test_merging_keeps_the_pieces_and_sorts_each_sku_once(lines: list[Line]) -> None:
    merged = merge_lines(lines)
    assert sum(line.quantity for line in merged) == sum(line.quantity for line in lines)
    assert [line.sku for line in merged] == sorted({line.sku for line in lines})


def test_a_sku_without_enough_pieces_is_short() -> None:
    moved = {"A": Moved("A", 1, 1, None)}
    assert shortages([Line("A", 2), Line("B", 1)], moved) == [
        {"sku": "A", "requested": 2, "available": 1},
        {"sku": "B", "requested": 1, "available": 0},
    ]
    with pytest.raises(OutOfStock):
        require_taken([Line("A", 2)], moved)


def test_enough_pieces_are_not_short() -> None:
    require_taken([Line("A", 2)], {"A": Moved("A", 2, 0, 5)})


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        (None, "unknown"),
        (replace(OFFER, status=ProductStatus.ARCHIVED), "withdrawn"),
        (replace(OFFER, price=None), "no_price"),
    ],
)
def test_what_is_not_for_sale_says_why(offer: Offer | None, reason: str) -> None:
    with pytest.raises(NotForSale) as refused:
        require_for_sale(WANTED, {} if offer is None else {"A": offer})
    assert refused.value.extensions["skus"] == [{"sku": "A", "reason": reason}]


def test_an_active_priced_sku_is_for_sale() -> None:
    require_for_sale(WANTED, {"A": OFFER})


@pytest.mark.parametrize(
    ("state", "again"),
    [
        (ReservationState.HELD, False),
        (ReservationState.COMMITTED, False),
        (ReservationState.EXPIRED, True),
    ],
)
def test_only_an_expired_hold_is_taken_anew(state: ReservationState, *, again: bool) -> None:
    assert must_hold_again(replace(HELD, state=state), "USD", WANTED) is again


@pytest.mark.parametrize("state", [ReservationState.RELEASED, ReservationState.REJECTED])
def test_a_tombstone_refuses_every_hold(state: ReservationState) -> None:
    with pytest.raises(ReservationClosed):
        must_hold_again(replace(HELD, state=state), "USD", WANTED)


@pytest.mark.parametrize(
    ("currency", "lines"), [("EUR", WANTED), ("USD", (Line("A", 3),)), ("USD", (Line("B", 2),))]
)
def test_other_lines_or_currency_conflict(currency: str, lines: tuple[Line, ...]) -> None:
    with pytest.raises(ReservationConflict):
        must_hold_again(HELD, currency, lines)


def test_every_state_knows_what_a_release_moves_and_tombstones_reject_a_commit() -> None:
    assert set(RELEASE_MOVES) == set(ReservationState)
    assert set(ReservationState) - set(COMMIT_MOVES) == {
        ReservationState.RELEASED,
        ReservationState.REJECTED,
    }


@given(st.integers(1, 9), st.data())
def test_a_return_takes_back_at_most_what_is_still_sold(quantity: int, data: st.DataObject) -> None:
    returned = data.draw(st.integers(0, quantity))
    asked = data.draw(st.lists(st.integers(1, 9), max_size=3))
    line = replace(LINE, quantity=quantity, returned=returned)
    sold = replace(HELD, state=ReservationState.COMMITTED, lines=(line,))
    back = sold.returnable([*(Line("A", pieces) for pieces in asked), Line("B", 1)])
    expected = min(sum(asked), quantity - returned)
    assert back == ((Line("A", expected),) if expected else ())
    assert sold.remaining == ((Line("A", quantity - returned),) if quantity > returned else ())
