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
_NOT_READY: Final = ("not verified", "onfiguration set")
"""Parts of what SES says while the sender's domain waits for its DNS records, or its configuration set is not made: that passes."""

_NEVER_SENT: Final = (ConnectTimeoutError, EndpointConnectionError)


class SesMailer:
    """Sends from one address. `client` is an aioboto3 client, whose type exists at development time only."""

    def __init__(self, client: Any, sender: str, configuration_set: str | None) -> None:
        self._client = client
        self._sender = {"FromEmailAddress": sender}
        if configuration_set is not None:
            self._sender["ConfigurationSetName"] = configuration_set

    async def send(self, to: str, letter: Letter) -> str:
        """Hand one mail over and return SES's id of it.

        Raises:
            NotAccepted: SES did not take it; `for_good` when it never will.
            OutcomeUnknown: no answer came, so it may have been sent.
        """
        body = {"Text": _content(letter.text), "Html": _content(letter.html)}
        try:
            answer = await self._client.send_email(
                **self._sender,
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
    session: aioboto3.Session,
    endpoint_url: str | None,
    sender: str,
    configuration_set: str | None = None,
) -> AsyncIterator[SesMailer]:
    """Open a client for some mails; nothing is called yet, so SES may be away.

    Without `configuration_set` SES uses the one of the sender's identity, if it has one.
    """
    config = AioConfig(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
        parameter_validation=False,
    )
    async with session.client("sesv2", endpoint_url=endpoint_url, config=config) as client:
        yield SesMailer(client, sender, configuration_set)


def _refusal(error: ClientError) -> NotAccepted:
    told = error.response.get("Error", {})
    code, message = str(told.get("Code", "unknown")), str(told.get("Message", ""))
    passing = any(words in message for words in _NOT_READY)
    for_good = code in _REFUSED_FOR_GOOD and not passing
    return NotAccepted(code, for_good=for_good)


def _content(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": _CHARSET}
