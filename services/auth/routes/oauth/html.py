"""Pages: plain, accessible HTML without a script, under a policy that lets nothing else in."""

import base64
import hashlib
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from typing_extensions import override

from libs.errors import DomainError
from libs.observability.context import request_id_var
from libs.web.audience import public
from services.auth.service.oauth.authorization import Refused

TEMPLATES: Final = Path(__file__).resolve().parents[2] / "templates"
STYLE: Final = (TEMPLATES / "style.css").read_text(encoding="utf-8")
SEE_OTHER: Final = 303
"""A redirect that is a GET whatever led to it, so that no form with a password is sent on."""

_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

PAGE: Final[dict[str, Any]] = {
    "response_class": HTMLResponse,
    "responses": {
        status: {"description": text, "content": {"text/html": {"schema": {"type": "string"}}}}
        for status, text in (
            (400, "A page that says why this link or form cannot be used."),
            (401, "The form again: e-mail address or password is wrong."),
            (429, "The form again: too many attempts."),
            (503, "The form again: this cannot be checked at the moment."),
        )
    },
    "openapi_extra": public(),
}
"""What every page says about itself in the OpenAPI document."""


class PageRoute(APIRoute):
    """Answers refusals with a page, or by sending the browser back where the refusal belongs."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_as_page(request: Request) -> Response:
            try:
                return await handle(request)
            except Refused as refused:
                return see_other(refused.location)
            except DomainError as error:
                return error_page(error)

        return handle_as_page


def page(
    template: str, *, status: int = 200, form_targets: Iterable[str] = (), **values: object
) -> HTMLResponse:
    """Render a template; its form leads to this origin, and from here on to `form_targets` alone."""
    html = _TEMPLATES.get_template(template).render(style=Markup(STYLE), **values)  # noqa: S704 - our own file
    targets = " ".join(("'self'", *form_targets))
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        f"form-action {targets}; frame-ancestors 'none'"
    )
    return HTMLResponse(html, status, {"Content-Security-Policy": policy})


def error_page(error: DomainError) -> HTMLResponse:
    """Say what went wrong to a person."""
    shown = page(
        "message.html",
        status=error.status,
        heading=error.title,
        text=error.detail,
        request_id=request_id_var.get(),
    )
    shown.headers.update(error.headers)
    return shown


def see_other(location: str) -> RedirectResponse:
    """Send the browser on."""
    response = RedirectResponse("/", SEE_OTHER)
    response.headers["Location"] = location  # registered addresses go out letter by letter
    return response
