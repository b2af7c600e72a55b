"""The statements of a plan's policies: of roles, buckets, topics, queues, keys, endpoints; written as text wherever in a
resource, or as documents whose text is known only after an apply; and AWS's own policies, which are attached by name."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.terraform.plans import Resource

DOCUMENT: Final = "aws_iam_policy_document"
POLICIES: Final = (
    "policy",
    "policy_document",
    "assume_role_policy",
    "access_policy",
)
"""Attributes that hold a policy, by which is found what is told only after an apply."""

HOLDERS: Final = ("_policy", "_role", "kms_key", "replica_key", "_endpoint")
"""How types end whose policy is written here; a bucket's, a queue's or a topic's own attribute is AWS's."""


@dataclass(frozen=True)
class Statement:
    """One statement; everything that may be a list is one."""

    holder: str
    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    everyone: bool
    services: tuple[str, ...]
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
        for text in texts(one["values"]):
            if '"Effect"' in text and '"Statement"' in text:
                for row in _listed(json.loads(text)["Statement"]):
                    yield _of_text(one["address"], row)


def texts(value: Any) -> Iterator[str]:
    """List every text in a resource's values, however deep it lies."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for inner in value.values() for text in texts(inner))
    elif isinstance(value, list):
        yield from (text for inner in value for text in texts(inner))


def attached(resources: Sequence[Resource]) -> Iterator[str]:
    """Name the managed policies that are attached to roles, users and groups, and those whose name is not known."""
    for one in resources:
        if one["type"].endswith("_policy_attachment"):
            yield one["values"].get("policy_arn") or one["address"]
        yield from one["values"].get("managed_policy_arns") or ()


def told_only_after(resources: Sequence[Resource]) -> Iterator[str]:
    """Name the holders of policies whose text is unknown and comes from no document of the plan."""
    documented = {module_of(one["address"]) for one in resources if one["type"] == DOCUMENT}
    for one in resources:
        unknown = any(one["unknown"].get(name) is True for name in POLICIES)
        holds_one = one["type"].endswith(HOLDERS)
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
    by_kind = principal if isinstance(principal, dict) else {"AWS": principal}
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
        "*" in _listed(by_kind.get("AWS")),
        tuple(_listed(by_kind.get("Service"))),
        frozenset(conditions),
    )


def _of_document(holder: str, row: Mapping[str, Any]) -> Statement:
    principals = [
        (one["type"], name) for one in row["principals"] or () for name in one["identifiers"] or ()
    ]
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
        any(name == "*" for _, name in principals),
        tuple(name for kind, name in principals if kind == "Service"),
        frozenset(conditions),
    )


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
