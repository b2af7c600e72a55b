"""Tokens in mails, for the service that sends them."""

from fastapi import APIRouter, Response

from libs.web.audience import internal
from libs.web.conditional import NO_STORE
from libs.web.errors import problem_responses
from services.auth.dependencies import CallingService
from services.auth.dependencies.credentials import MailTokenServiceDep
from services.auth.errors import MailRequestOver
from services.auth.schemas.mail_tokens import MailTokenRequest, MailTokenView

router = APIRouter()


@router.post(
    "/v1/mail-tokens", openapi_extra=internal(), responses=problem_responses(MailRequestOver)
)
async def mint_mail_token(
    body: MailTokenRequest,
    _caller: CallingService,
    mail_tokens: MailTokenServiceDep,
    response: Response,
) -> MailTokenView:
    """Mint the token of a mail at the moment it is sent; one minted for it before stops working."""
    response.headers["Cache-Control"] = NO_STORE
    minted = await mail_tokens.mint(body.request_id)
    return MailTokenView(
        user_id=minted.user_id,
        purpose=minted.purpose,
        email=minted.email,
        token=minted.token,
        expires_in=None if minted.lifetime is None else int(minted.lifetime.total_seconds()),
    )
