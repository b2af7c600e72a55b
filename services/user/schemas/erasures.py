"""Shapes of erasures."""

from datetime import date, datetime

from pydantic import Field

from libs.web.strict import ResponseModel


class ServiceAnswerView(ResponseModel):
    """What one service has said: None while it has not."""

    service: str
    answered_at: datetime | None
    retained_until: date | None = Field(
        description="Until when the law makes the shop keep an invoice; it goes by itself then"
    )


class ErasureView(ResponseModel):
    """How far an erasure is."""

    erasure_id: str
    state: str = Field(description="`requested`, `held`, `running` or `completed`")
    reason: str | None = Field(description="Why it is held, in words")
    requested_at: datetime
    completed_at: datetime | None
    services: list[ServiceAnswerView]
    receipt: str | None = Field(
        description="Once completed: a JWS (RFC 7515) under the user service's key, type `erasure-receipt+jwt`"
    )


class ErasureRequestedView(ErasureView):
    """The answer to the request. Keep the token: with it the receipt can be read when the account is gone."""

    receipt_token: str
