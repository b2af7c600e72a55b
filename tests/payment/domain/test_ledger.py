"""Double entry: whatever happens, debits equal credits and the clearing account holds what the provider holds."""

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.money import MINOR_DIGITS, Money
from services.payment.domain.ledger import Account, Entry, Side, capture_entries, refund_entries

moneys = st.builds(Money, st.integers(1, 10**12), st.sampled_from(sorted(MINOR_DIGITS)))


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([capture_entries, refund_entries]), moneys)))
def test_any_history_of_movements_balances_in_every_currency(
    history: list[tuple[object, Money]],
) -> None:
    entries = [entry for book, money in history for entry in book(money)]  # type: ignore[operator]  # both book money
    for currency in MINOR_DIGITS:
        of_currency = [entry for entry in entries if entry.money.currency == currency]
        assert balance(of_currency) == 0
        clearing = [one for one in of_currency if one.account is Account.PROVIDER_CLEARING]
        moved = sum(
            money.amount_minor * (1 if book is capture_entries else -1)
            for book, money in history
            if money.currency == currency
        )
        assert balance(clearing) == moved


def balance(entries: list[Entry]) -> int:
    return sum(
        entry.money.amount_minor * (1 if entry.side is Side.DEBIT else -1) for entry in entries
    )
