"""An application whose operations ask who is calling, and callers of every kind."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response
from starlette.types import Scope

from libs.cache.rate_limit import RateLimiter
from libs.cache.sessions import SessionStore
from libs.clock import utc_now
from libs.errors import DomainError
from libs.security.dependencies import (
    authenticated,
    authenticated_live,
    optional_principal,
    recently_authenticated,
    service_caller,
)
from libs.security.principal import ACR_MFA, Principal
from libs.security.service_tokens import ServiceSigner, ServiceVerifier
from libs.security.tokens import TokenVerifier
from tests.libs.security.issuer import Issuer

Reader = Annotated[Principal, Depends(authenticated("orders:read"))]
LiveWriter = Annotated[Principal, Depends(authenticated_live("orders:write"))]
RecentWriter = Annotated[Principal, Depends(recently_authenticated("orders:write"))]
StrongWriter = Annotated[Principal, Depends(recently_authenticated("orders:write", ACR_MFA))]
StaffReader = Annotated[Principal, Depends(authenticated("orders:admin"))]
LiveStaff = Annotated[Principal, Depends(authenticated_live("orders:admin"))]
RecentStaff = Annotated[Principal, Depends(recently_authenticated("orders:admin"))]
Anybody = Annotated[Principal | None, Depends(optional_principal)]
Caller = Annotated[str, Depends(service_caller())]


@dataclass(frozen=True)
class Parts:
    verifier: TokenVerifier
    service_verifier: ServiceVerifier
    sessions: SessionStore
    rate_limiter: RateLimiter


def problem(_scope: Scope, error: DomainError) -> Response:
    return JSONResponse(
        {"code": error.code, "detail": error.detail},
        status_code=error.status,
        headers=error.headers,
    )


def routes(app: FastAPI) -> None:
    @app.get("/orders")
    def list_orders(principal: Reader) -> str:
        return principal.subject

    @app.get("/address")
    def get_address(principal: Reader) -> str:
        return principal.subject

    @app.post("/orders")
    def place_order(principal: LiveWriter, request: Request) -> str:
        assert (request.state.principal is principal) is True
        return principal.subject

    @app.get("/products")
    def list_products(principal: Anybody) -> str:
        return principal.subject if principal else "guest"

    @app.get("/variants")
    def list_variants(caller: Caller) -> str:
        return caller

    @app.get("/cart")
    def get_cart(caller: Caller, request: Request) -> str:
        return f"{caller} for {request.state.principal.subject}"

    @app.get("/livez")
    def livez() -> str:
        return "alive"


def guarded_routes(app: FastAPI) -> None:
    @app.post("/refunds")
    def refund_order(principal: RecentWriter) -> str:
        return principal.subject

    @app.post("/roles")
    def change_roles(principal: StrongWriter) -> str:
        return principal.subject

    @app.get("/books")
    def read_books(principal: StaffReader) -> str:
        return principal.subject

    @app.post("/parcels")
    def ship_parcel(principal: LiveStaff) -> str:
        return principal.subject

    @app.post("/returns")
    def take_back(principal: RecentStaff) -> str:
        return principal.subject

    @app.get("/drafts")
    def sees_drafts(principal: Anybody) -> bool:
        return principal is not None and principal.has("orders:admin")


def user(**claims: object) -> dict[str, str]:
    now = int(utc_now().timestamp())
    token = Issuer().token(**{"iat": now, "exp": now + 300, **claims})
    return {"Authorization": f"Bearer {token}"}


def service(keys: Path, caller: str, callee: str = "product") -> dict[str, str]:
    token = ServiceSigner(caller, keys / f"{caller}.key.json").token_for(callee)
    return {"Service-Authorization": f"Bearer {token}"}


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]
