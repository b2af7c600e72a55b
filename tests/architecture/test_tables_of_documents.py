"""Tables that people read instead of code: what a service says and hears, and what the audit log holds."""

import ast
import json
import re
from collections.abc import Iterator

import pytest

from libs.contracts import EVENTS
from libs.messaging.routing import Routing
from libs.topology import SERVICES
from tests.architecture.applications import ROOT

MATRIX = json.loads((ROOT / "libs/security/allow_matrix.json").read_text())
OPERATION = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")


def row(service: str, *names: str) -> str:
    """The cells of a README's table, `names` being what its rows are called."""
    text = (ROOT / "services" / service / "README.md").read_text()
    return " ".join(
        cell for name in names for cell in re.findall(rf"^\| {name} \|(.*)\|$", text, re.MULTILINE)
    )


def told(type_: str, cell: str) -> bool:
    """A type is written in full, shortened to its end, or as all of its kind."""
    kind, _, rest = type_.removesuffix(".v1").partition(".")
    return rest in cell or f"`{kind}.*`" in cell


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_page_lists_its_messages(service: str) -> None:
    published = [one.type for one in EVENTS if one.publisher == service]
    handled = sorted(Routing.load().types_handled_by(service))
    assert [one for one in published if not told(one, row(service, "publishes"))] == []
    assert [one for one in handled if not told(one, row(service, "consumes", "receives"))] == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_page_lists_who_calls_whom_as_the_matrix_does(service: str) -> None:
    for column, name in (("caller", "calls"), ("callee", "called by")):
        allowed = {line["operation"] for line in MATRIX if line[column] == service}
        assert set(OPERATION.findall(row(service, name))) == allowed


def test_every_action_of_the_audit_log_is_explained() -> None:
    explained = set(documented_actions())
    unexplained = [
        action
        for action in recorded_actions()
        if not any(one in {action, f"{action.partition('.')[0]}.*"} for one in explained)
    ]
    assert unexplained == []


def documented_actions() -> Iterator[str]:
    """What the table of the how-to names; `.changed` behind `price.set` stands for `price.changed`."""
    page = (ROOT / "docs/how-to/read-the-audit-log.md").read_text()
    for cell in re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE):
        kind = ""
        for name in re.findall(r"`([a-z_.*]+)`", cell):
            kind = name.partition(".")[0] or kind
            yield f"{kind}.{name.partition('.')[2]}"


def recorded_actions() -> Iterator[str]:
    """The actions that code names where it records them; what is put together there begins with its kind."""
    for folder in ("libs", "services"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                match node:
                    case ast.Call(ast.Attribute(attr="record"), [ast.Constant(str(action)), *_]):
                        yield action
