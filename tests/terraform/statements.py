"""The statements of a plan's policies, whether they are text, or documents whose text is known only after an apply."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.terraform.plans import Resource

DOCUMENT: Final = "aws_iam_policy_document"
POLICIES: Final = ("policy", "assume_role_policy", "access_policy")


@dataclass(frozen=True)
class Statement:
    """One statement; everything that may be a list is one."""

    holder: str
    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    everyone: bool
    conditions: frozenset[tuple[str, str]]

    @property
    def name(self) -> str:
        """The holder without its key, and the statement's own name."""
        return f"{keyless(self.holder)} {self.sid}".strip()

    @property
    def refuses_without_tls(self) -> bool:
        """Whether nobody may come without TLS."""
        return (
            self.effect == "Deny"
            and self.everyone
            and ("aws:SecureTransport", "false") in self.conditions
        )


def statements(resources: Sequence[Resource]) -> Iterator[Statement]:
    """List the statements of all policies of a plan."""
    for one in resources:
        if one["type"] == DOCUMENT:
            for row in one["values"].get("statement") or ():
                yield _of_document(one["address"], row)
        for text in (one["values"].get(name) for name in POLICIES):
            if isinstance(text, str) and '"Effect"' in text:
                for row in _listed(json.loads(text)["Statement"]):
                    yield _of_text(one["address"], row)


def told_only_after(resources: Sequence[Resource]) -> Iterator[str]:
    """Name the holders of policies whose text is unknown and comes from no document of the plan."""
    documented = {module_of(one["address"]) for one in resources if one["type"] == DOCUMENT}
    for one in resources:
        unknown = any(one["unknown"].get(name) is True for name in POLICIES)
        holds_one = one["type"].endswith(("_policy", "_role", "kms_key"))
        if unknown and holds_one and module_of(one["address"]) not in documented:
            yield keyless(one["address"])


def module_of(address: str) -> str:
    """Return the module a resource or a document belongs to, empty for the stack itself."""
    return ".".join(re.findall(r"module\.[^.]+", address))


def keyless(address: str) -> str:
    """Return an address without what tells its siblings apart."""
    return re.sub(r"\[[^\]]*\]", "", address)


def _of_text(holder: str, row: Mapping[str, Any]) -> Statement:
    principal = row.get("Principal")
    named = principal.get("AWS") if isinstance(principal, dict) else principal
    conditions = (
        (variable, str(value))
        for test in row.get("Condition", {}).values()
        for variable, values in test.items()
        for value in _listed(values)
    )
    return Statement(
        holder,
        row.get("Sid", ""),
        row["Effect"],
        tuple(_listed(row.get("Action"))),
        tuple(_listed(row.get("Resource"))),
        "*" in _listed(named),
        frozenset(conditions),
    )


def _of_document(holder: str, row: Mapping[str, Any]) -> Statement:
    identifiers = [name for one in row["principals"] or () for name in one["identifiers"] or ()]
    conditions = (
        (str(one["variable"]), str(value))
        for one in row["condition"] or ()
        for value in one["values"] or ()
    )
    return Statement(
        holder,
        row["sid"] or "",
        row["effect"] or "Allow",
        tuple(row["actions"] or ()),
        tuple(name for name in row["resources"] or () if name),
        "*" in identifiers,
        frozenset(conditions),
    )


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
