"""What a person is told is everything that is stored about them; what they are not told is listed with the reason."""

import importlib

import pytest
from sqlalchemy import LargeBinary

from libs.erasure.export import Export
from libs.privacy.columns import BlindIndex

EXPORTING = ("auth", "user", "cart", "order", "payment")


def export_of(service: str) -> Export:
    export: Export = importlib.import_module(f"services.{service}.repository.privacy").EXPORT
    return export


def attributes_of(export: Export, table: str) -> set[str]:
    """Return what can be read of a table, by the names of its model: not hashes, and not seals themselves."""
    return {
        f"{table}.{column.name.removesuffix('_sealed')}"
        for column in export.base.metadata.tables[table].columns
        if not isinstance(column.type, LargeBinary | BlindIndex)
    }


@pytest.mark.parametrize("service", EXPORTING)
def test_every_column_about_a_person_is_exported_or_withheld_for_a_reason(service: str) -> None:
    export = export_of(service)
    told = export.columns() | set(export.withheld)
    missing = {
        attribute
        for name in export.personal_tables() - set(export.withheld)
        for attribute in attributes_of(export, name) - told
    }
    assert missing == set()
    assert all(export.withheld.values())


@pytest.mark.parametrize("service", EXPORTING)
def test_what_is_withheld_exists(service: str) -> None:
    export = export_of(service)
    tables = set(export.base.metadata.tables)
    known = tables.union(*(attributes_of(export, name) for name in tables))
    assert set(export.withheld) <= known


def test_product_knows_nobody() -> None:
    base = importlib.import_module("services.product.models").Base
    assert Export(base).personal_tables() == set()
