"""Bodies of minting the token in a mail."""

from typing import Annotated

from pydantic import Field

from libs.web.strict import RequestModel, ResponseModel


class MailTokenRequest(RequestModel):
    """The request an `identity.*_requested` event names."""

    request_id: Annotated[str, Field(max_length=40)]


class MailTokenView(ResponseModel):
    """Where the mail goes and what belongs in it; a mail that only tells something has no token.

    `expires_in` is in seconds.
    """

    user_id: str
    purpose: str
    email: str
    token: str | None
    expires_in: int | None
