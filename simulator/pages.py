"""The bank's page of 3-D Secure: plain HTML that shows what is to be paid and takes a yes or a no."""

import html
import sqlite3
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from simulator.parts import PartsDep
from simulator.rules import MINOR_DIGITS

Challenge = Annotated[str, Path(max_length=64, pattern=r"^[0-9A-Za-z_-]+$")]

pages = APIRouter(include_in_schema=False)

_LONGEST_FORM_BYTES: Final = 1000
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1.125rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 3rem auto; padding: 0 1rem; }}
button {{ font: inherit; padding: .5rem 1.5rem; margin-right: 1rem; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""
_FORM: Final = """<p>A shop asks for <strong>{amount}</strong>. Confirm only if you are buying there now.</p>
<form method="post">
<button type="submit" name="decision" value="confirm">Confirm payment</button>
<button type="submit" name="decision" value="refuse">Refuse</button>
</form>
<p>This is the payment simulator: no money moves.</p>"""
_OUTCOMES: Final = {
    "declined": "You refused the payment; nothing is charged.",
    "voided": "The shop gave the payment up; nothing is charged.",
}


@pages.get("/3ds/{challenge}")
async def show_challenge(challenge: Challenge, parts: PartsDep) -> Response:
    """Ask the customer, or tell what they decided."""
    charge = await parts.offload.call(parts.reading.challenge, challenge)
    if charge is None:
        return _page("No such payment", "<p>Go back to the shop and try again.</p>", 404)
    if charge["status"] != "requires_action":
        return _outcome(charge)
    return _page("Confirm your payment", _FORM.format(amount=html.escape(_amount(charge))))


@pages.post("/3ds/{challenge}")
async def decide_challenge(challenge: Challenge, request: Request, parts: PartsDep) -> Response:
    """Take the customer's decision once and send them back to the shop, whatever it is."""
    decision = await _decision(request)
    if decision not in {"confirm", "refuse"}:
        return _page("Nothing decided", "<p>Choose to confirm or to refuse.</p>", 400)
    confirmed = decision == "confirm"
    book = parts.engine.book
    charge = await parts.offload.call(book.decide, challenge, confirmed=confirmed)
    if charge is None:
        return _page("No such payment", "<p>Go back to the shop and try again.</p>", 404)
    if charge["return_url"] is None:
        return _outcome(charge)
    return RedirectResponse(charge["return_url"], 303, headers=_HEADERS)


async def _decision(request: Request) -> str | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM_BYTES:
            return None
    found = parse_qs(body.decode(errors="replace")).get("decision", [])
    return found[0] if len(found) == 1 else None


def _outcome(charge: sqlite3.Row) -> Response:
    text = _OUTCOMES.get(charge["status"], "You confirmed the payment.")
    back = ""
    if charge["return_url"] is not None:
        back = f'<p><a href="{html.escape(charge["return_url"])}">Back to the shop</a></p>'
    return _page("Thank you", f"<p>{text}</p>{back}")


def _amount(charge: sqlite3.Row) -> str:
    digits = MINOR_DIGITS[charge["currency"]]
    whole, minor = divmod(int(charge["amount_minor"]), 10**digits)
    return f"{whole}{f'.{minor:0{digits}}' if digits else ''} {charge['currency']}"


def _page(title: str, content: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(title=title, content=content), status, headers=_HEADERS)
