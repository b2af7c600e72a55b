import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cart.domain import (
    MOST_LINES,
    MOST_PIECES_PER_LINE,
    Line,
    Offer,
    merged,
    repriced,
    subtotal,
    warnings_of,
    with_added,
    without_ordered,
)
from services.cart.errors import CartFull
from tests.architecture.applications import ROOT

VECTORS = json.loads((ROOT / "tests" / "contracts" / "price_vectors.json").read_text())


def line(sku: str = "MUG", quantity: int = 1, price: int = 1000) -> Line:
    return Line(sku, sku.title(), quantity, price, 1)


def test_the_same_sku_added_twice_is_one_line_at_the_newer_price() -> None:
    lines = with_added([line(quantity=2, price=900)], line(quantity=3, price=1000))
    assert lines == [line(quantity=5, price=1000)]


def test_a_line_holds_at_most_ninety_nine_pieces() -> None:
    with pytest.raises(CartFull, match="98 are in the cart"):
        with_added([line(quantity=98)], line(quantity=2))


def test_a_cart_holds_at_most_a_hundred_different_items() -> None:
    full = [line(f"SKU-{number}") for number in range(MOST_LINES)]
    with pytest.raises(CartFull, match="different items"):
        with_added(full, line("ONE-MORE"))
    assert len(with_added(full, line("SKU-7"))) == MOST_LINES


lines_of = st.lists(
    st.builds(
        line,
        sku=st.sampled_from([f"SKU-{number}" for number in range(12)]),
        quantity=st.integers(1, MOST_PIECES_PER_LINE),
        price=st.integers(0, 10_000),
    ),
    max_size=12,
    unique_by=lambda made: made.sku,
)


@given(own=lines_of, guest=lines_of)
def test_a_merge_keeps_every_item_within_the_limits(own: list[Line], guest: list[Line]) -> None:
    result = {made.sku: made for made in merged(own, guest)}
    assert set(result) == {made.sku for made in [*own, *guest]}
    for made in result.values():
        both = sum(part.quantity for part in [*own, *guest] if part.sku == made.sku)
        assert made.quantity == min(both, MOST_PIECES_PER_LINE)


def test_a_merge_keeps_the_price_the_user_saw() -> None:
    assert merged([line(price=1)], [line(price=2)]) == [line(quantity=2, price=1)]


def test_a_merge_leaves_out_what_a_full_cart_cannot_take() -> None:
    full = [line(f"SKU-{number}") for number in range(MOST_LINES)]
    assert merged(full, [line("ONE-MORE")]) == full


@given(lines=lines_of, ordered=lines_of)
def test_what_was_ordered_leaves_the_cart_and_nothing_else(
    lines: list[Line], ordered: list[Line]
) -> None:
    taken = {made.sku: made.quantity for made in ordered}
    rest = {made.sku: made.quantity for made in without_ordered(lines, taken)}
    for made in lines:
        assert rest.get(made.sku, 0) == max(made.quantity - taken.get(made.sku, 0), 0)


def test_repricing_takes_todays_price_and_title_where_one_is_known() -> None:
    offers = {"MUG": Offer("Big mug", 1100, 2, 5)}
    assert repriced([line(), line("CUP")], offers) == [
        Line("MUG", "Big mug", 1, 1100, 2),
        line("CUP"),
    ]


@pytest.mark.parametrize(
    ("offer", "quantity", "codes"),
    [
        (None, 1, ["not_for_sale"]),
        (Offer("Mug", 1000, 1, 5), 1, []),
        (Offer("Mug", 1000, 1, None), 99, []),
        (Offer("Mug", 1001, 2, 5), 1, ["price_changed"]),
        (Offer("Mug", 1000, 1, 5), 6, ["low_stock"]),
        (Offer("Mug", 1000, 1, 0), 1, ["out_of_stock"]),
        (Offer("Mug", 900, 2, 0), 1, ["price_changed", "out_of_stock"]),
    ],
)
def test_the_customer_is_warned_of_every_difference(
    offer: Offer | None, quantity: int, codes: list[str]
) -> None:
    offers = {} if offer is None else {"MUG": offer}
    found = warnings_of([line(quantity=quantity)], offers)
    assert [warning.code for warning in found] == codes


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_subtotal_follows_the_shared_price_vectors(vector: dict[str, object]) -> None:
    pairs = [(item["quantity"], item["unit_price_minor"]) for item in vector["lines"]]  # type: ignore[attr-defined]  # JSON
    assert subtotal(pairs, str(vector["currency"])).amount_minor == vector["subtotal_minor"]
