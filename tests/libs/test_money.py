import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.money import MINOR_DIGITS, CurrencyMismatchError, Money

amounts = st.integers(min_value=-(10**12), max_value=10**12)
weights = st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=20)


@given(amount=amounts, weights=weights)
def test_allocated_parts_always_sum_to_the_whole(amount: int, weights: list[int]) -> None:
    parts = Money(amount, "USD").allocate(weights)
    assert sum(part.amount_minor for part in parts) == amount
    assert len(parts) == len(weights)


@given(amount=st.integers(min_value=0, max_value=10**9), weights=weights)
def test_no_allocated_part_is_more_than_one_unit_from_its_exact_share(
    amount: int, weights: list[int]
) -> None:
    whole = sum(weights)
    for part, weight in zip(Money(amount, "EUR").allocate(weights), weights, strict=True):
        share = amount * weight / whole if whole else amount / len(weights)
        assert abs(part.amount_minor - share) <= 1


def test_ties_of_the_remainder_go_to_the_earlier_part() -> None:
    parts = Money(100, "USD").allocate([1, 1, 1])
    assert [part.amount_minor for part in parts] == [34, 33, 33]


@pytest.mark.parametrize("weights", [[], [1, -1]])
def test_allocation_refuses_weights_that_mean_nothing(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="at least one weight"):
        Money(1, "USD").allocate(weights)


@pytest.mark.parametrize(
    ("amount", "basis_points", "expected"),
    [(1000, 825, 83), (1000, 850, 85), (50, 100, 1), (49, 100, 0), (-50, 100, -1), (0, 2000, 0)],
)
def test_a_share_rounds_half_away_from_zero(amount: int, basis_points: int, expected: int) -> None:
    assert Money(amount, "USD").share(basis_points) == Money(expected, "USD")


def test_two_currencies_never_meet_in_a_sum() -> None:
    with pytest.raises(CurrencyMismatchError):
        Money(1, "USD") + Money(1, "EUR")
    with pytest.raises(CurrencyMismatchError):
        Money(1, "USD") - Money(1, "EUR")


def test_an_unknown_currency_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="unknown currency"):
        Money(1, "XXX")


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(1234, "USD"), "12.34 USD"),
        (Money(-5, "EUR"), "-0.05 EUR"),
        (Money(500, "JPY"), "500 JPY"),
        (Money(1234, "KWD"), "1.234 KWD"),
    ],
)
def test_an_amount_reads_with_its_currencys_decimals(money: Money, text: str) -> None:
    assert str(money) == text


@given(left=amounts, right=amounts, quantity=st.integers(min_value=0, max_value=1000))
def test_arithmetic_is_exact(left: int, right: int, quantity: int) -> None:
    assert (Money(left, "INR") + Money(right, "INR")) - Money(right, "INR") == Money(left, "INR")
    assert Money(left, "INR") * quantity == Money(left * quantity, "INR")
    assert Money.zero("INR") + Money(left, "INR") == Money(left, "INR")


def test_every_currency_has_a_sensible_number_of_decimals() -> None:
    assert set(MINOR_DIGITS.values()) <= {0, 2, 3}
