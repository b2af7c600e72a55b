"""The route table: what it may say, and that it says it in the services' words."""

import json
import re
from pathlib import Path

import pytest

from edge.problems import PROBLEMS
from edge.table import BrokenTable, RouteTable, load_table
from libs.errors import DomainError
from libs.security import errors as security_errors
from libs.web import errors as web_errors
from libs.web.middleware import request_id


def plain_row(table: dict[str, list[dict[str, object]]]) -> dict[str, object]:
    """Return a row that is nothing special."""
    return next(row for row in table["routes"] if row["path"] == "/me")


def table_with(**changes: object) -> RouteTable:
    """The real table with changes to a plain row, and no other."""
    table = load_table().model_dump(by_alias=True)
    table["routes"] = [{**plain_row(table), **changes}]
    return RouteTable.model_validate(table)


@pytest.mark.parametrize(
    "change",
    [
        {"service": "nobody"},
        {"rate": "unheard"},
        {"retry": "unheard"},
        {"cache": "unheard"},
        {"version": "v9"},
        {"auth": "perhaps"},
        {"template": "/x/{y}"},
        {"exact": "/x/", "path": "/x"},
        {"path": "/me/"},
        {"path": "me"},
        {"path": "/me/{id}"},
        {"path": None, "template": "/me"},
        {"path": "/Me"},
        {"timeout_seconds": 30},
        {"timeout_seconds": 0},
        {"stream": True},
        {"cache": "five_minutes"},
        {"unheard": 1},
    ],
    ids=str,
)
def test_a_broken_route_table_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    table = load_table().model_dump(by_alias=True)
    table["routes"] = [{**plain_row(table), **change}]
    file = tmp_path / "routes.json"
    file.write_text(json.dumps(table), encoding="utf-8")
    with pytest.raises(BrokenTable, match="is not a route table"):
        load_table(file)


def test_a_missing_route_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenTable, match="nowhere"):
        load_table(tmp_path / "nowhere.json")


def test_what_is_personal_is_kept_by_no_shared_cache() -> None:
    assert table_with(auth="optional", cache="five_minutes").edge_routes[0].cache.caches
    with pytest.raises(ValueError, match="no shared cache may keep it"):
        table_with(auth="required", cache="five_minutes")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/orders/ord_1/events", "order-v1-orders-events"),
        ("/v1/orders/ord_1", "order-v1-orders"),
        ("/v1/orders", "order-v1-orders"),
        ("/v1/orders/a/b/events", "order-v1-orders"),
        ("/v1/auth/logout", "auth-v1-auth-logout"),
        ("/v1/auth/logout/x", "auth-v1-auth"),
        ("/.well-known/jwks.json", "auth-well-known-jwks-json"),
        ("/.well-known/jwksxjson", None),
        ("/oauth2/token", "auth-oauth2"),
        ("/oauth2/userinfo", "auth-oauth2-userinfo"),
        ("/login/second-factor", "auth-login"),
        ("/consent/x", None),
        ("/v1/ordersx", None),
        ("/orders", None),
        ("/v1/reservations", None),
        ("/v1/products/p/variants/s/prices/EUR", "product-v1-products-variants-prices"),
    ],
)
def test_the_first_row_that_matches_wins(path: str, name: str | None) -> None:
    route = load_table().route_for(path)
    assert (route.name if route else None) == name


def test_every_row_has_a_name_of_its_own() -> None:
    names = [route.name for route in load_table().edge_routes]
    assert len(names) == len(set(names))


def test_the_edge_repeats_only_what_no_service_has_answered() -> None:
    """An answer such as 503 has tried the callees already: trying again here would multiply their retries."""
    policies = [policy for policy in load_table().retry_policies.values() if policy is not None]
    assert policies
    for policy in policies:
        assert set(policy.on) <= {"connect-failure", "refused-stream", "reset"}
        assert set(policy.methods) <= {"GET", "HEAD"}
        assert policy.attempts <= 2


def test_only_browsing_is_refused_early_at_the_edge() -> None:
    assert {route.service for route in load_table().edge_routes if route.browsing} == {"product"}
    assert {route.service for route in load_table().edge_routes if not route.browsing} >= {
        "cart",
        "order",
        "payment",
    }


def test_the_names_below_a_stripped_prefix_are_listed_for_gateways_without_prefixes() -> None:
    headers = load_table().headers
    for prefix in set(headers.stripped_prefixes) - {"x-edge-"}:
        assert [name for name in headers.stripped if name.startswith(prefix)], prefix
    assert headers.user_id in headers.stripped
    assert not set(headers.through_caches) & set(headers.stripped)


@pytest.mark.parametrize(
    "sent",
    [
        *(
            "a" * 16,
            "a" * 64,
            "a" * 65,
            f"req_{'0a' * 16}",
            "demo-0123456789abcdef",
            f"-{'a' * 15}",
        ),
        *(
            "",
            "a",
            "a b",
            "ä" * 16,
            "ada.lovelace",
            f"lovelace_{'0' * 16}",
            f"req_{'0' * 60}",
            f"req_{'0' * 61}",
        ),
    ],
)
def test_edge_and_services_agree_on_what_a_safe_request_id_is(sent: str) -> None:
    headers = load_table().headers
    safe_here = len(sent) <= headers.longest_request_id and re.fullmatch(
        headers.safe_request_id, sent, re.ASCII
    )
    assert bool(safe_here) == bool(request_id._is_safe(sent))


def test_edge_and_services_use_the_same_words() -> None:
    known = {
        error.code: error.title
        for module in (web_errors, security_errors)
        for error in vars(module).values()
        if isinstance(error, type) and issubclass(error, DomainError) and error is not DomainError
    }
    shared = [problem for problem in PROBLEMS.values() if problem.code in known]
    assert len(shared) >= 6
    for problem in shared:
        assert problem.title == known[problem.code]
