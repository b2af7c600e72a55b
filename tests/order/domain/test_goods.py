from hypothesis import given, settings
from hypothesis import strategies as st

from libs.money import MINOR_DIGITS, Money
from libs.testing.scale import trials
from services.order.domain.goods import (
    AdjustedLine,
    Adjustment,
    AdjustmentKind,
    Goods,
    Line,
    Pieces,
    Sold,
)

MUGS = Sold("MUG", 3, Money(1000, "USD"))
PENS = Sold("PEN", 2, Money(500, "JPY"))


def adjusted(kind: AdjustmentKind, quantity: int, refunded: int) -> Adjustment:
    return Adjustment("adj_1", kind, "x", lines=(AdjustedLine("MUG", quantity, refunded, 0),))


def test_where_a_piece_is_follows_from_what_happened() -> None:
    goods = Goods.of(
        [MUGS, PENS],
        [Pieces("MUG", 2), Pieces("PEN", 1)],
        [adjusted(AdjustmentKind.CANCELLATION, 1, 1), adjusted(AdjustmentKind.RETURN, 1, 1)],
    )
    mugs, pens = goods.lines
    assert (mugs.open, mugs.cancelled, mugs.shipped, mugs.returned) == (0, 1, 2, 1)
    assert (mugs.returnable, mugs.refunded, mugs.charged) == (1, 2, 1)
    assert (pens.open, pens.shipped, pens.charged) == (1, 1, 1)
    assert goods.open == (Pieces("PEN", 1),)
    assert goods.line("MUG") == mugs
    assert goods.line("CUP") is None
    assert goods.leaves_nothing_open([Pieces("PEN", 1)])
    assert not goods.leaves_nothing_open([])


def test_ten_dollars_for_three_pieces_are_paid_back_to_the_cent() -> None:
    amounts = [Line(MUGS, refunded=gone).price_of(1) for gone in range(3)]
    assert amounts == [333, 334, 333]
    assert Line(MUGS).price_of(3) == 1000
    assert Line(MUGS).price_of(0) == 0


@settings(max_examples=trials(200, 2_000), deadline=None)
@given(
    paid=st.integers(0, 10**9),
    currency=st.sampled_from(sorted(MINOR_DIGITS)),
    parts=st.lists(st.integers(1, 40), min_size=1, max_size=12),
)
def test_however_pieces_are_paid_back_the_amounts_add_up_to_what_was_paid(
    paid: int, currency: str, parts: list[int]
) -> None:
    """Whole yen, cents and fils: no unit is lost or invented, and each part is within one unit of its exact share."""
    sold = Sold("MUG", sum(parts), Money(paid, currency))
    gone, total = 0, 0
    for part in parts:
        amount = Line(sold, refunded=gone).price_of(part)
        assert amount >= 0
        assert abs(amount * sold.quantity - paid * part) <= sold.quantity
        gone, total = gone + part, total + amount
    assert total == paid
