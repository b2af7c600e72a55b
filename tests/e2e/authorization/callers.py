"""The kinds of callers there are, what each sends along, and what the table says they get."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from libs.security.allow import find_call
from libs.security.principal import ACR_PASSWORD
from libs.security.service_tokens import ServiceSigner
from libs.topology import SERVICES
from tests.architecture.authorization import Row
from tests.e2e.authorization.issuing import Issuer

HOUR: Final = 3_600
STAFF_BY_PASSWORD: Final = "staff without a second factor"


class Answer(IntEnum):
    """What a caller gets: through the door, or a refusal's status."""

    LET_IN = 0
    UNKNOWN = 401
    FORBIDDEN = 403
    NOT_FOUND = 404


@dataclass(frozen=True)
class People:
    """Whose tokens there are, as claims, and what signs them and the services' own."""

    issuer: Issuer
    alice: Mapping[str, Any]
    bob: Mapping[str, Any]
    admin: Mapping[str, Any]
    service_keys: Path

    def bearer(self, claims: Mapping[str, Any], **other: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token_like(claims, **other)}"}


Headers = Callable[[People, Row], dict[str, str]]
Verdict = Callable[[Row], Answer]


def _ended() -> dict[str, str]:
    return {"sid": f"ses_{secrets.token_hex(16)}"}


def _scopes_without(claims: Mapping[str, Any], scope: str | None) -> str:
    return " ".join(kept for kept in claims["scope"].split() if kept != scope)


def _of_nobody(row: Row) -> Answer:
    return Answer.LET_IN if row.audience == "public" else Answer.UNKNOWN


def _of_a_bad_token(row: Row) -> Answer:
    return Answer.UNKNOWN if row.token == "judged" else _of_nobody(row)


def _of_a_guest(row: Row) -> Answer:
    if not row.guests:
        return _of_nobody(row)
    return Answer.NOT_FOUND if row.ownership == "owner" else Answer.LET_IN


def _without_scope(row: Row) -> Answer:
    return Answer.FORBIDDEN if row.scope is not None else _of_nobody(row)


def _of_the_owner(row: Row) -> Answer:
    return Answer.FORBIDDEN if row.audience == "admin" else _of_somebody(row)


def _of_somebody(row: Row) -> Answer:
    return Answer.UNKNOWN if row.audience == "internal" else Answer.LET_IN


def _of_another_customer(row: Row) -> Answer:
    owned = row.ownership in {"owner", "owner_or_staff"}
    return Answer.NOT_FOUND if owned else _of_the_owner(row)


def _of_staff_by_password(row: Row) -> Answer:
    """A customer, to whom something of somebody else's does not exist; what is staff's asks for more."""
    return Answer.UNKNOWN if row.audience == "admin" else _of_another_customer(row)


def _of_staff(row: Row) -> Answer:
    return Answer.NOT_FOUND if row.ownership == "owner" else _of_somebody(row)


def _of_an_ended_session(row: Row) -> Answer:
    ends_there = row.session != "any" and row.audience != "admin"
    return Answer.UNKNOWN if ends_there else _of_the_owner(row)


def _of_an_old_login(row: Row) -> Answer:
    ends_there = row.session == "recent" and row.audience != "admin"
    return Answer.UNKNOWN if ends_there else _of_the_owner(row)


def _of_staff_whose_session_ended(row: Row) -> Answer:
    return Answer.UNKNOWN if row.needs_user or row.token == "judged" else _of_nobody(row)


def _of_staff_who_logged_in_long_ago(row: Row) -> Answer:
    return Answer.UNKNOWN if row.session == "recent" else _of_staff(row)


_PEOPLE: Final[Mapping[str, tuple[Headers, Verdict]]] = {
    "nobody": (lambda _, __: {}, _of_nobody),
    "another guest": (lambda _, __: {"Cart-Token": secrets.token_urlsafe(32)}, _of_a_guest),
    "garbage": (lambda _, __: {"Authorization": "Bearer a.b.c"}, _of_a_bad_token),
    "expired": (lambda all_, _: all_.bearer(all_.alice, exp=HOUR), _of_a_bad_token),
    "other audience": (lambda all_, _: all_.bearer(all_.alice, aud="other"), _of_a_bad_token),
    "other issuer": (
        lambda all_, _: all_.bearer(all_.alice, iss="https://x.example"),
        _of_a_bad_token,
    ),
    "id token": (lambda all_, _: all_.bearer(all_.alice, typ="JWT"), _of_a_bad_token),
    "without the scope": (
        lambda all_, row: all_.bearer(all_.alice, scope=_scopes_without(all_.alice, row.scope)),
        _without_scope,
    ),
    "owner": (lambda all_, _: all_.bearer(all_.alice), _of_the_owner),
    "ended session": (lambda all_, _: all_.bearer(all_.alice, **_ended()), _of_an_ended_session),
    "old login": (
        lambda all_, _: all_.bearer(all_.alice, auth_time=all_.alice["auth_time"] - HOUR),
        _of_an_old_login,
    ),
    "another customer": (lambda all_, _: all_.bearer(all_.bob), _of_another_customer),
    "staff": (lambda all_, _: all_.bearer(all_.admin), _of_staff),
    STAFF_BY_PASSWORD: (
        lambda all_, _: all_.bearer(all_.admin, acr=ACR_PASSWORD, second_factor=False),
        _of_staff_by_password,
    ),
    "staff without the scope": (
        lambda all_, row: all_.bearer(all_.admin, scope=_scopes_without(all_.admin, row.scope)),
        _without_scope,
    ),
    "staff, ended session": (
        lambda all_, _: all_.bearer(all_.admin, **_ended()),
        _of_staff_whose_session_ended,
    ),
    "staff, old login": (
        lambda all_, _: all_.bearer(all_.admin, auth_time=all_.admin["auth_time"] - HOUR),
        _of_staff_who_logged_in_long_ago,
    ),
}

CALLERS: Final = (*_PEOPLE, *(f"{service} for the owner" for service in SERVICES))


def headers_of(caller: str, callee: str, row: Row, people: People) -> dict[str, str]:
    """Return what the caller sends along."""
    if caller in _PEOPLE:
        return _PEOPLE[caller][0](people, row)
    service = caller.partition(" ")[0]
    token = ServiceSigner(service, people.service_keys / f"{service}.key.json").token_for(callee)
    return {**people.bearer(people.alice), "Service-Authorization": f"Bearer {token}"}


def verdict_on(caller: str, callee: str, operation: str, row: Row) -> Answer:
    """Return what the table says the caller gets."""
    if caller in _PEOPLE:
        return _PEOPLE[caller][1](row)
    if row.audience == "public" and row.scope is None:
        return Answer.LET_IN
    if find_call(caller.partition(" ")[0], callee, operation) is None:
        return Answer.FORBIDDEN
    return Answer.LET_IN if row.audience == "internal" else _of_the_owner(row)
