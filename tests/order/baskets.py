"""What the machine orders, and what an order is to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hypothesis import strategies as st

from services.order.domain.goods import Goods, Pieces
from services.order.domain.saga import Saga
from tests.order.world import News, Sent


@dataclass(frozen=True)
class Basket:
    """What is ordered: pieces and unit prices by SKU, tax per line and the shipping fee on top."""

    currency: str
    lines: tuple[tuple[str, int, int, int], ...]
    shipping: int

    @property
    def pieces(self) -> dict[str, int]:
        return {sku: quantity for sku, quantity, _, _ in self.lines}

    @property
    def total(self) -> int:
        return self.shipping + sum(quantity * price + tax for _, quantity, price, tax in self.lines)

    def costing(self, total: int) -> "Basket":
        """The same basket where the service's own rates apply: in dollars, whatever is not on the lines is shipping."""
        return replace(self, currency="USD", shipping=self.shipping + total - self.total)


BASKETS = st.builds(
    Basket,
    st.sampled_from(["USD", "JPY", "KWD"]),
    st.tuples(
        st.tuples(st.just("MUG"), st.integers(1, 4), st.integers(1, 999), st.integers(0, 99)),
        st.tuples(st.just("PEN"), st.integers(1, 3), st.integers(1, 333), st.integers(0, 33)),
    ),
    st.integers(0, 599),
)
PIECES = st.sampled_from(
    [
        (Pieces("MUG", 1),),
        (Pieces("MUG", 2),),
        (Pieces("PEN", 1),),
        (Pieces("MUG", 1), Pieces("PEN", 1)),
        (Pieces("MUG", 9),),
    ]
)


class OrderUnderTest(Protocol):
    """What the machine does to an order. What people ask answers False when it is refused."""

    def saga(self) -> Saga: ...

    def goods(self) -> Goods: ...

    def sent(self) -> list[Sent]:
        """Return the commands sent since the last call."""
        ...

    def hear(self, news: News, *, again: bool) -> bool:
        """Handle an event; False if it came too early. `again`: the very message was delivered before."""
        ...

    def crash(self, news: News) -> None:
        """Handle an event, and lose the commit."""
        ...

    def sweep(self, *, too_old: bool) -> None: ...

    def cancel(self) -> bool: ...

    def cancel_lines(self, pieces: Sequence[Pieces]) -> bool: ...

    def ship(self, pieces: Sequence[Pieces] | None) -> bool: ...

    def take_back(self, pieces: Sequence[Pieces], *, restock: bool) -> bool: ...

    def refund(self, amount: int | None) -> bool: ...

    def refund_lines(self, pieces: Sequence[Pieces]) -> bool: ...
