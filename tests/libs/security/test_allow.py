from itertools import product

import pytest

from libs.security.allow import allowed_calls, find_call
from libs.topology import SERVICES

# Written out a second time on purpose: a row added to the table must be added here with intent.
EXPECTED = {
    ("order", "product", "hold_reservation"): False,
    ("order", "product", "release_reservation"): False,
    ("order", "product", "list_variants"): False,
    ("order", "cart", "get_cart"): True,
    ("order", "user", "get_address"): True,
    ("cart", "product", "list_variants"): False,
    ("user", "auth", "get_identity"): False,
    ("user", "auth", "mint_mail_token"): False,
    ("user", "auth", "close_identity"): False,
    ("user", "order", "count_open_orders"): False,
    ("user", "auth", "export_personal_data"): False,
    ("user", "cart", "export_personal_data"): False,
    ("user", "order", "export_personal_data"): False,
    ("user", "payment", "export_personal_data"): False,
    ("user", "order", "get_receipt"): False,
}
OPERATIONS = sorted({operation for _, _, operation in EXPECTED})


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("caller", "callee"), list(product(SERVICES, SERVICES)))
def test_each_cell_of_the_matrix_is_as_intended(caller: str, callee: str, operation: str) -> None:
    cell = (caller, callee, operation)
    row = find_call(*cell)

    assert (row is not None) is (cell in EXPECTED)
    assert (row.user_token if row else None) == EXPECTED.get(cell)


def test_the_table_has_no_unknown_service_and_no_row_twice() -> None:
    rows = [(row.caller, row.callee, row.operation) for row in allowed_calls()]
    assert len(rows) == len(set(rows)) == len(EXPECTED)
    assert {service for row in rows for service in row[:2]} <= set(SERVICES)
