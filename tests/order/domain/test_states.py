import json
import re
from pathlib import Path

import pytest

from services.order.domain.states import (
    EDGES,
    Axis,
    OrderStatus,
    PaymentStatus,
    ShipmentStatus,
    all_edges,
    require_edge,
)
from services.order.errors import IllegalTransition

README = Path(__file__).parents[3] / "services" / "order" / "README.md"
STATUSES = {
    Axis.ORDER: OrderStatus,
    Axis.PAYMENT: PaymentStatus,
    Axis.SHIPMENT: ShipmentStatus,
}


def test_every_edge_joins_states_of_its_own_axis() -> None:
    for axis, edges in EDGES.items():
        known = {str(status) for status in STATUSES[axis]}
        assert {state for edge in edges for state in edge} <= known


def test_every_state_can_be_reached_from_the_first() -> None:
    for axis, edges in EDGES.items():
        reached = {"pending"}
        for _ in edges:
            reached |= {str(after) for before, after in edges if before in reached}
        assert reached == {str(status) for status in STATUSES[axis]}


def test_closed_orders_and_shipped_parcels_stay_as_they_are() -> None:
    final = {"failed", "cancelled"}
    assert not {edge for edge in EDGES[Axis.ORDER] if edge[0] in final}
    assert not {edge for edge in EDGES[Axis.SHIPMENT] if edge[0] == "shipped"}


def test_a_listed_edge_passes_and_any_other_is_refused() -> None:
    require_edge(Axis.ORDER, "pending", "confirmed")
    with pytest.raises(IllegalTransition):
        require_edge(Axis.ORDER, "cancelled", "confirmed")


def test_the_readme_shows_exactly_the_legal_edges() -> None:
    rows = re.findall(r"^\| (\w+) \| `(\w+)` \| `(\w+)` \|", README.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(all_edges())
    assert len(rows) == len(set(rows))


def test_statuses_are_the_words_clients_see() -> None:
    assert json.dumps({"status": OrderStatus.PENDING}) == '{"status": "pending"}'
