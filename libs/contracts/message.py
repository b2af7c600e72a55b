"""What a message is: a fact (event) or a request (command), frozen, versioned by its type, free of personal data."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from libs.money import Money


class Amount(BaseModel):
    """Money on the wire: integer minor units and an ISO 4217 code."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    amount_minor: int
    currency: str

    @classmethod
    def of(cls, money: Money) -> "Amount":
        return cls(amount_minor=money.amount_minor, currency=money.currency)

    def money(self) -> Money:
        return Money(self.amount_minor, self.currency)


class Message(BaseModel):
    """Base of events and commands.

    Readers ignore fields they do not know, so a new optional field keeps the version; any other change is a new type.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    subject_field: ClassVar[str]
    """Name of the field that identifies the aggregate; messages of one subject keep their order."""

    @property
    def subject(self) -> str:
        return str(getattr(self, self.subject_field))


class Event(Message):
    """Something that happened, told by the owner of the aggregate to whoever listens."""

    publisher: ClassVar[str]


class Command(Message):
    """Something one service asks exactly one other service to do."""

    receiver: ClassVar[str]
