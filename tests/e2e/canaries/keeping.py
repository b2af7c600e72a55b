"""What may be kept or told of what clients write, where, and why; everything else found anywhere is a leak."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from tests.e2e.canaries.marks import Find, Marks

_CATALOGUE: Final = "create_product|patch_product|add_variant|create_category"
_APPLICATION: Final = "create_oauth_client"


@dataclass(frozen=True)
class Kept:
    """A place whose values may be found somewhere; each is a regular expression over the whole."""

    where: str
    operation: str
    name: str
    why: str


KEPT: Final[Sequence[Kept]] = (
    Kept(
        r"\w+\.idempotency_keys\.key",
        ".*",
        "Idempotency-Key",
        "the inventory: a client's random value, for 72 hours",
    ),
    Kept(
        r"auth\.refresh_families\.user_agent",
        ".*",
        "User-Agent",
        "the inventory: shown to its owner, goes with the account",
    ),
    Kept(
        r"auth\.authorization_codes\.nonce",
        "authorize",
        "nonce",
        "the inventory: a client's random value, for minutes",
    ),
    Kept(r"auth\.oauth_clients\.\w+", _APPLICATION, ".*", "an application, not a person"),
    Kept(r"auth\.audit_entries\.subject", _APPLICATION, "/client_id", "the application's id"),
    Kept(r"product\.\w+\.\w+", _CATALOGUE, ".*", "the catalogue: published to everybody"),
    Kept(r"cart\.\w+\.\w+", _CATALOGUE, ".*", "the catalogue, told to the carts"),
    Kept(r"queue .*", _CATALOGUE, ".*", "the catalogue, told to the carts"),
    Kept("spans", _CATALOGUE, ".*/sku", "the catalogue: whose stock a message is about"),
    Kept("redis", _CATALOGUE, ".*", "the catalogue, cached"),
    Kept("mails", ".*", "/(email|display_name|recipient|line1|line2|city)", "to whom they go"),
    Kept(
        "refusal of hold_reservation",
        "hold_reservation",
        "/lines/0/sku",
        "internal: which of its lines cannot be had",
    ),
    Kept("queue user-inbox-dead", "by hand", ".*", "a message no service of ours sent"),
)


def left_over(marks: Marks, texts: Mapping[str, str]) -> list[str]:
    """Return where marks were found that have no business there, and what is around them."""
    return [
        f"{where} has {find.place.operation} {find.place.part} {find.place.name}: {find.around}"
        for where, text in texts.items()
        for find in marks.finds(text)
        if not any(_covers(kept, where, find) for kept in KEPT)
    ]


def _covers(kept: Kept, where: str, find: Find) -> bool:
    return all(
        re.fullmatch(pattern, text)
        for pattern, text in (
            (kept.where, where),
            (kept.operation, find.place.operation),
            (kept.name, find.place.name),
        )
    )


def may_be_told(answer: httpx.Response) -> str:
    """Return a refusal without what problem documents repeat to whoever sent it (docs/decisions/0008).

    That is the address, the request id, and where in the body a member is that nobody knows. A login page keeps the
    address that was typed, for whoever mistyped the password.
    """
    if "html" in answer.headers.get("Content-Type", ""):
        return re.sub(r'(?<=name="email" value=")[^"]*', "", answer.text)
    if "problem" not in answer.headers.get("Content-Type", ""):
        return answer.text
    problem = {**answer.json(), "instance": "", "request_id": ""}
    errors = [{**error, "pointer": ""} for error in problem.pop("errors", [])]
    return f"{problem} {errors}"
