"""CloudEvents 1.0 in its JSON format, with the extension attributes every Meridian message carries."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from libs.contracts import MESSAGES
from libs.contracts.message import Message

CONTENT_TYPE = "application/cloudevents+json"


class UnknownMessageTypeError(ValueError):
    """A message of a type this release has no class for; a newer release may."""


class Envelope(BaseModel):
    """One message on the wire (CloudEvents 1.0, structured mode).

    `aggregateversion` counts the changes of the subject; `originregion` is where it happened;
    `causationid` is the message that led to this one and `correlationid` the request that began it all.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    dataschema: str
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, Any]
    aggregateversion: int
    originregion: str
    traceparent: str | None = None
    causationid: str | None = None
    correlationid: str | None = None

    def to_json(self) -> str:
        """Write the envelope; absent attributes are left out, as CloudEvents demands."""
        return self.model_dump_json(exclude_none=True)

    @classmethod
    def from_json(cls, text: str) -> "Envelope":
        """Read an envelope.

        Raises:
            pydantic.ValidationError: the text is no CloudEvent of ours.
        """
        return cls.model_validate_json(text)

    def message(self) -> Message:
        """Return the typed message inside.

        Raises:
            UnknownMessageTypeError: no class for this type in this release.
            pydantic.ValidationError: the data does not fit the class.
        """
        message_class = MESSAGES.get(self.type)
        if message_class is None:
            raise UnknownMessageTypeError(f"no contract for {self.type!r}")
        return message_class.model_validate(self.data)


def schema_uri(message_type: str) -> str:
    """Name the JSON Schema of a message's data; the document is `docs/schemas/<type>.json`."""
    return f"urn:meridian:schema:{message_type}"


def source_uri(region: str, service: str) -> str:
    """Name the place a message comes from, for example `/meridian/eu-west-1/order`."""
    return f"/meridian/{region}/{service}"
