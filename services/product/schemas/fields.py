"""Fields that several bodies share."""

from typing import Annotated, Final

from pydantic import Field

from libs.money import MINOR_DIGITS

LARGEST_AMOUNT: Final = 10**12
LARGEST_QUANTITY: Final = 10_000

Currency = Annotated[
    str,
    Field(
        pattern=f"^({'|'.join(sorted(MINOR_DIGITS))})$",
        description="ISO 4217 code of a currency we sell in.",
    ),
]
AmountMinor = Annotated[
    int, Field(ge=0, le=LARGEST_AMOUNT, description="Minor units: cents, paise, fils.")
]
Sku = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Natural key of a variant, for example `MUG-RED-L`.",
    ),
]
Slug = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=120,
        description="The readable part of a product's address, for example `enamel-mug`.",
    ),
]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Description = Annotated[str, Field(max_length=10_000)]
Reference = Annotated[str, Field(min_length=1, max_length=120, description="An id or a slug.")]
Quantity = Annotated[int, Field(ge=1, le=LARGEST_QUANTITY)]
OrderId = Annotated[str, Field(pattern=r"^[a-z]{2,5}_[0-9a-f]{32}$")]
