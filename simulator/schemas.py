"""Bodies of the simulator's API: closed, strict, and free of card numbers."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from simulator.rules import CURRENCIES, contains_card_number


def _no_card_number(text: str) -> str:
    if contains_card_number(text):
        raise ValueError("card_number_rejected")
    return text


def _known_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError("currency_unknown")
    return code


def _web_address(text: str) -> str:
    # The customer's browser is sent there: `javascript:` and the like must not get through.
    if not text.lower().startswith(("http://", "https://")) or not text.isprintable():
        raise ValueError("return_url_invalid")
    return text


Text = Annotated[str, Field(max_length=200), AfterValidator(_no_card_number)]
AmountMinor = Annotated[int, Field(gt=0, le=10**12)]
Metadata = Annotated[dict[Text, Text], Field(max_length=20)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ChargeBody(_Body):
    """Reserve an amount (`capture: false`) or take it at once; `return_url` is where the bank sends the customer."""

    amount_minor: AmountMinor
    currency: Annotated[str, AfterValidator(_known_currency)]
    payment_method: Text
    metadata: Metadata = {}
    capture: bool = False
    return_url: Annotated[str, Field(max_length=2000), AfterValidator(_web_address)] | None = None


class CaptureBody(_Body):
    """Take the reserved amount, or a part of it."""

    amount_minor: AmountMinor | None = None


class VoidBody(_Body):
    """Nothing to say; other fields are refused."""


class RefundBody(_Body):
    """Return this much."""

    amount_minor: AmountMinor
    metadata: Metadata = {}
