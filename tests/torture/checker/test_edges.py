from services.order.domain.states import all_edges
from torture.checker.edges import EDGES


def test_the_checkers_own_table_of_edges_is_the_shops() -> None:
    assert sorted(EDGES) == sorted(all_edges())
