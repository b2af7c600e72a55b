"""What a person is told is everything that is stored about them; what they are not told is listed with the reason."""

import importlib

import pytest
from sqlalchemy import LargeBinary

from libs.erasure.export import Export
from libs.privacy.columns import BlindIndex

EXPORTING = ("auth", "user", "cart", "order", "payment")


def export_of(service: str) -> Export:
    module = {"user": "repository.privacy", "auth": "dependencies.privacy"}.get(
        service, "dependencies"
    )
    export: Export = importlib.import_module(f"services.{service}.{module}").EXPORT
    return export


@pytest.mark.parametrize("service", EXPORTING)
def test_every_column_about_a_person_is_exported_or_withheld_for_a_reason(service: str) -> None:
    export = export_of(service)
    told = export.columns()
    missing = {
        f"{name}.{column.name}"
        for name in export.personal_tables() - set(export.withheld)
        for column in export.base.metadata.tables[name].columns
        if not isinstance(column.type, LargeBinary | BlindIndex)
        and f"{name}.{column.name}" not in told
        and f"{name}.{column.name.removesuffix('_sealed')}" not in told
    }
    assert missing - set(export.withheld) == set()
    assert all(export.withheld.values())


@pytest.mark.parametrize("service", EXPORTING)
def test_what_is_withheld_exists(service: str) -> None:
    export = export_of(service)
    tables = export.base.metadata.tables
    known = set(tables) | {f"{name}.{one.name}" for name in tables for one in tables[name].columns}
    assert set(export.withheld) <= known


def test_product_knows_nobody() -> None:
    base = importlib.import_module("services.product.models").Base
    assert Export(base).personal_tables() == set()
