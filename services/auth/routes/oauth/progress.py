"""How an authorization request goes on: to the next page, or back to the application."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import Response

from services.auth.repository import BrowserLogin
from services.auth.routes.oauth.dependencies import Flow
from services.auth.routes.oauth.html import see_other
from services.auth.service.oauth.authorization import Asked, Step

PURPOSE: Final = "authorize"


@dataclass(frozen=True)
class Pending:
    """A request on its way through our pages, and the login that was made for it, if one was."""

    query: str
    login_id: str = ""

    def was_made_for_it(self, login: BrowserLogin | None) -> bool:
        """Tell whether this very request asked for this login."""
        return login is not None and login.family.id == self.login_id

    def ticket(self, flow: Flow) -> str:
        """Return what carries the request to the next page and back."""
        return flow.tickets.issue(PURPOSE, {"query": self.query, "login": self.login_id})


def pending_of(flow: Flow, ticket: str) -> Pending:
    """Return the request a page was opened for.

    Raises:
        FormExpired: we issued no such ticket, or too long ago.
    """
    content: Mapping[str, str] = flow.tickets.read(PURPOSE, ticket)
    return Pending(content["query"], content["login"])


async def go_on(flow: Flow, asked: Asked, pending: Pending, login: BrowserLogin | None) -> Response:
    """Send the browser to the page that is next, or back to the application with its code.

    Raises:
        Refused: the application is told no instead.
    """
    fresh = pending.was_made_for_it(login)
    step = await flow.authorizations.next_step(asked, login, fresh=fresh)
    if login is not None and step is Step.NOTHING:
        return see_other(await flow.authorizations.issue_code(asked, login))
    return see_other(f"/{step.value}?request={pending.ticket(flow)}")
