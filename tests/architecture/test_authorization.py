"""The table of who may call what has a row for everything that can be called, and no other."""

from collections.abc import Mapping
from typing import Any

from libs.security.scopes import takes_second_factor
from libs.topology import SERVICES
from tests.architecture.applications import application_of
from tests.architecture.authorization import rows


def operations() -> Mapping[tuple[str, str], dict[str, Any]]:
    return {
        (service, operation["operationId"]): operation
        for service in SERVICES
        for item in application_of(service).openapi()["paths"].values()
        for operation in item.values()
    }


def test_every_operation_has_a_row() -> None:
    missing = sorted(set(operations()) - {(service, name) for service, name, _ in rows()})
    assert not missing, "say in docs/security/authorization.json who may call them"


def test_every_row_is_of_an_operation() -> None:
    stale = sorted({(service, name) for service, name, _ in rows()} - set(operations()))
    assert not stale, "take them out of docs/security/authorization.json"


def test_the_documents_and_the_table_name_the_same_audience() -> None:
    documented = {key: operation["x-audience"] for key, operation in operations().items()}
    assert {(service, name): row.audience for service, name, row in rows()} == documented


def test_whoever_needs_to_be_somebody_needs_a_scope() -> None:
    for service, name, row in rows():
        assert row.scope is not None or not row.needs_user, f"{service} {name}"


def test_what_only_staff_may_call_takes_a_second_factor_and_nothing_else_does() -> None:
    for service, name, row in rows():
        if row.scope is not None:
            staff = row.audience == "admin"
            assert takes_second_factor(row.scope) == staff, f"{service} {name}: {row.scope}"


def test_administration_needs_a_live_session() -> None:
    unguarded = [
        name for _, name, row in rows() if row.audience == "admin" and row.session == "any"
    ]
    assert not unguarded
