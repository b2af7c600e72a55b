from datetime import UTC, datetime

import pytest

from services.product.domain import stock
from services.product.domain.stock import Move, StockLevel
from services.product.errors import StockBelowZero

LEVEL = StockLevel("MUG", "prd_1", 10, 4, 3, 3, 7, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_move_that_makes_or_loses_pieces_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="keep the number"):
        Move(available=-1, held=0, sold=0)


@pytest.mark.parametrize(
    "move",
    [
        stock.HOLD,
        stock.SELL_HELD,
        stock.SELL_AVAILABLE,
        stock.GIVE_BACK_HELD,
        stock.GIVE_BACK_SOLD,
    ],
)
def test_every_move_keeps_the_number_of_pieces(move: Move) -> None:
    assert move.available + move.held + move.sold == 0


def test_only_available_pieces_can_be_taken_away() -> None:
    LEVEL.require_adjustable(-4)
    LEVEL.require_adjustable(100)
    with pytest.raises(StockBelowZero) as refused:
        LEVEL.require_adjustable(-5)
    assert refused.value.extensions == {"sku": "MUG", "available": 4}
