"""Of an address only the route and ids of ours are shown."""

from types import SimpleNamespace

import pytest

from libs.observability.paths import route_template, shown_path

OURS = f"ord_{'0a' * 16}"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (OURS, f"/v1/orders/{OURS}"),
        *((odd, "/v1/orders/{id}") for odd in ("Ada", "ada@example.com", f"{OURS}x", "", "ord_1")),
    ],
)
def test_what_is_no_id_of_ours_is_not_shown(written: str, shown: str) -> None:
    route = SimpleNamespace(path_format="/v1/orders/{id}")
    scope = {"path": f"/v1/orders/{written}", "route": route, "path_params": {"id": written}}
    assert shown_path(scope) == shown
    assert route_template(scope) == "/v1/orders/{id}"


def test_of_a_path_that_leads_nowhere_nothing_is_shown() -> None:
    assert shown_path({"path": "/ada"}) == route_template({"path": "/ada"}) == "unmatched"
