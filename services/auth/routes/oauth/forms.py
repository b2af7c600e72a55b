"""Reads forms, cookies and client credentials, and tells our own pages from others."""

import base64
import binascii
from typing import Final
from urllib.parse import unquote_plus, urlsplit

from fastapi import Request, Response

from services.auth.domain.oauth.parameters import LONGEST_FORM, Parameters, parse_parameters
from services.auth.errors import CrossSiteRequest, FormExpired, OAuthError
from services.auth.service.browser_sessions import is_cookie
from services.auth.service.oauth.clients import PresentedClient
from services.auth.service.oauth.tickets import Tickets

COOKIE: Final = "__Host-meridian_session"
COOKIE_SECONDS: Final = 30 * 24 * 3600
FORM_TYPE: Final = "application/x-www-form-urlencoded"

_OWN_SITE: Final = frozenset({"same-origin", "none"})


async def read_form(request: Request) -> Parameters:
    """Return the parameters of a form.

    Raises:
        OAuthError: it is no form, or one that says something twice; `invalid_request`.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM_TYPE:
        raise OAuthError("invalid_request", f"send the parameters as {FORM_TYPE}")
    body = await request.body()
    if len(body) > LONGEST_FORM or not body.isascii():
        raise OAuthError("invalid_request", "the form is too long or not URL-encoded")
    return parse_parameters(body.decode("ascii"), LONGEST_FORM)


async def read_own_form(request: Request, tickets: Tickets) -> Parameters:
    """Return the parameters of a form one of our pages made for this very browser.

    Raises:
        FormExpired: it came from elsewhere, or belongs to another cookie.
    """
    try:
        form = await read_form(request)
    except OAuthError as error:
        raise FormExpired from error
    cookie = cookie_of(request)
    from_us = request.headers.get("sec-fetch-site", "none") in _OWN_SITE
    if not from_us or cookie is None or not tickets.is_proof(cookie, form.get("csrf", "")):
        raise FormExpired
    return form


def check_own_page(request: Request, issuer: str) -> None:
    """Let a request with a body of JSON through that a page of this origin made.

    Raises:
        CrossSiteRequest: another site made it, or nobody says who did.
    """
    site = request.headers.get("sec-fetch-site")
    parts = urlsplit(issuer)
    from_us = (
        site == "same-origin"
        if site is not None
        else request.headers.get("origin") == f"{parts.scheme}://{parts.netloc}"
    )
    if not from_us:
        raise CrossSiteRequest


def cookie_of(request: Request) -> str | None:
    """Return our cookie, if this browser sent one that can be ours."""
    value = request.cookies.get(COOKIE, "")
    return value if is_cookie(value) else None


def set_cookie(response: Response, value: str, *, lasting: bool) -> None:
    """Hand the browser its cookie: for this host and HTTPS alone, out of reach of scripts and of other sites' requests."""
    response.set_cookie(
        COOKIE,
        value,
        max_age=COOKIE_SECONDS if lasting else None,
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )


def clear_cookie(response: Response) -> None:
    """Take the cookie back."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")


def clear_browser(response: Response) -> None:
    """Take the cookie back, and have the browser forget what it kept of this origin (W3C Clear Site Data).

    Only for whoever was logged in: any site can send a stranger's browser here, and must not empty it.
    """
    clear_cookie(response)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'


def presented_client(request: Request, form: Parameters) -> PresentedClient:
    """Return who the client claims to be: in one way, not in two (RFC 6749 section 2.3).

    Raises:
        OAuthError: nobody, or in several ways; `invalid_client` or `invalid_request`.
    """
    headers = request.headers.getlist("authorization")
    if not headers:
        if "client_id" not in form:
            raise _unreadable()
        return PresentedClient(form["client_id"], form.get("client_secret"))
    if len(headers) > 1 or "client_secret" in form:
        raise OAuthError("invalid_request", "authenticate the client in one way")
    presented = _basic(headers[0])
    if form.get("client_id", presented.client_id) != presented.client_id:
        raise OAuthError("invalid_request", "client_id names another client than the header")
    return presented


def _basic(header: str) -> PresentedClient:
    scheme, _, encoded = header.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise _unreadable() from None
    joined_id, colon, joined_secret = decoded.partition(":")
    # Both are form-encoded before they are joined (RFC 6749 section 2.3.1).
    client_id, secret = unquote_plus(joined_id), unquote_plus(joined_secret)
    if scheme.lower() != "basic" or not colon or "\x00" in client_id + secret:
        raise _unreadable()
    return PresentedClient(client_id, secret)


def _unreadable() -> OAuthError:
    return OAuthError(
        "invalid_client", "authenticate the client: Basic, or client_id in the form", 401
    )
