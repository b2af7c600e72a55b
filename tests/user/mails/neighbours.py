"""Auth and order as the mail room asks them, reached through the real clients over a transport in this process."""

from dataclasses import dataclass, field

import httpx
from fastapi import FastAPI, Request, Response

from libs.security.service_tokens import ServiceSigner
from libs.web.calls import CallPolicy
from libs.web.client import ServiceClient
from services.user.clients.auth import AuthClient
from services.user.clients.order import OrderClient

USER = "usr_" + "1" * 32
ORDER = "ord_" + "2" * 32
REQUEST = "mrq_" + "3" * 32

_GONE = (b'{"status":404,"code":"gone","title":"","detail":""}', 404)


def money(minor: int) -> dict[str, object]:
    return {"amount_minor": minor, "currency": "USD"}


RECEIPT = {
    "order_id": ORDER,
    "user_id": USER,
    "lines": [{"title": "Enamel <mug> & lid", "quantity": 2, "amount": money(3000)}],
    "subtotal": money(3000),
    "shipping": money(500),
    "tax": money(255),
    "tax_included": False,
    "total": money(3755),
}


@dataclass
class Neighbours:
    """What both know, and how often they minted."""

    email: str
    is_away: bool = False
    is_over: bool = False
    minted: list[str] = field(default_factory=list)

    def application(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def away(request: Request, call_next: object) -> Response:
            if self.is_away:
                return Response(status_code=503)
            if self.is_over:
                return Response(*_GONE, media_type="application/problem+json")
            answer: Response = await call_next(request)  # type: ignore[operator]  # Starlette's callable
            return answer

        @app.get("/v1/identities/{user_id}")
        async def get_identity(user_id: str) -> dict[str, str]:
            person = {"display_name": "Ada", "home_region": "us-east-1", "email": self.email}
            return {"user_id": user_id, **person}

        @app.post("/v1/mail-tokens")
        async def mint_mail_token(request: Request) -> dict[str, object]:
            asked = await request.json()
            self.minted.append(f"secret-{len(self.minted)}")
            return {
                "user_id": USER,
                "purpose": asked["request_id"],
                "email": self.email,
                "token": self.minted[-1],
                "expires_in": 1800,
            }

        @app.get("/v1/receipts/{order_id}")
        async def get_receipt(order_id: str) -> dict[str, object]:
            return {**RECEIPT, "order_id": order_id}

        return app

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.application()))


def clients(http: httpx.AsyncClient, signer: ServiceSigner) -> tuple[AuthClient, OrderClient]:
    """Return user's clients of both."""
    patient = CallPolicy.of_tries(20)
    return (
        AuthClient(ServiceClient("http://auth", "auth", signer, http, patient)),
        OrderClient(ServiceClient("http://order", "order", signer, http, patient)),
    )
