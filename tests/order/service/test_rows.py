"""What the service names, it names the same when it is asked again."""

from services.order.domain.saga import Debt
from services.order.service.rows import refund_ids


def test_the_refund_of_a_debt_has_one_name_and_that_of_any_other_another() -> None:
    """A restored order that owes what it owed before asks under the name that payment's provider may know already."""
    debt = Debt(333, "other", "can_1", 0)
    others = [
        debt._replace(amount_minor=334),
        debt._replace(pays_for="can_2"),
        debt._replace(pays_for=None),
        debt._replace(refused=1),
    ]
    names = {refund_ids("ord_1")(one) for one in [debt, *others]} | {refund_ids("ord_2")(debt)}
    assert len(names) == 6
    assert refund_ids("ord_1")(debt) == refund_ids("ord_1")(debt)
