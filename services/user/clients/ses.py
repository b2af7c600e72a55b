"""Amazon SES (API version 2): the one module that hands mails over.

SES knows no idempotency key, so nothing here tries twice: only the caller knows whether a second mail is worth it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
)

from services.user.domain.mails import Letter, NotAccepted, OutcomeUnknown

_CONNECT_SECONDS: Final = 2
_READ_SECONDS: Final = 10
_CHARSET: Final = "UTF-8"
_REFUSED_FOR_GOOD: Final = frozenset({"MessageRejected", "BadRequestException"})
_SENDER_NOT_READY: Final = "not verified"
"""Part of what SES says while the sender's domain waits for its DNS records: that passes."""

_NEVER_SENT: Final = (ConnectTimeoutError, EndpointConnectionError)


class SesMailer:
    """Sends from one address. `client` is an aioboto3 client, whose type exists at development time only."""

    def __init__(self, client: Any, sender: str) -> None:
        self._client = client
        self._sender = sender

    async def send(self, to: str, letter: Letter) -> str:
        """Hand one mail over and return SES's id of it.

        Raises:
            NotAccepted: SES did not take it; `for_good` when it never will.
            OutcomeUnknown: no answer came, so it may have been sent.
        """
        body = {"Text": _content(letter.text), "Html": _content(letter.html)}
        try:
            answer = await self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [to]},
                Content={"Simple": {"Subject": _content(letter.subject), "Body": body}},
            )
        except ClientError as error:
            raise _refusal(error) from error
        except _NEVER_SENT as error:
            raise NotAccepted(type(error).__name__, for_good=False) from error
        except (BotoCoreError, OSError, TimeoutError) as error:
            raise OutcomeUnknown(type(error).__name__) from error
        return str(answer["MessageId"])


@asynccontextmanager
async def open_ses(
    session: aioboto3.Session, endpoint_url: str | None, sender: str
) -> AsyncIterator[SesMailer]:
    """Open a client for some mails; nothing is called yet, so SES may be away."""
    config = AioConfig(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
        parameter_validation=False,
    )
    async with session.client("sesv2", endpoint_url=endpoint_url, config=config) as client:
        yield SesMailer(client, sender)


def _refusal(error: ClientError) -> NotAccepted:
    told = error.response.get("Error", {})
    code, message = str(told.get("Code", "unknown")), str(told.get("Message", ""))
    for_good = code in _REFUSED_FOR_GOOD and _SENDER_NOT_READY not in message
    return NotAccepted(code, for_good=for_good)


def _content(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": _CHARSET}
