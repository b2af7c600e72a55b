"""Shapes of profiles and addresses."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from libs.web.merge_patch import MergePatch
from libs.web.strict import RequestModel, ResponseModel

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
PostalCode = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9 -]{1,18}$")
]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+[0-9]{6,15}$")]
Locale = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
Currency = Literal["USD", "EUR", "GBP", "INR", "JPY", "KWD"]


class ProfileView(ResponseModel):
    """A person's own profile."""

    user_id: str
    display_name: str
    locale: str
    currency: str
    home_region: str
    version: int
    created_at: datetime
    updated_at: datetime


class ProfileChange(MergePatch):
    """Merge patch (RFC 7396) of a profile; members left out stay as they are."""

    display_name: Name = Field(default="", description="How the shop addresses the person")
    locale: Locale = Field(default="", description="BCP 47 language and country, such as `de-DE`")
    currency: Currency = Field(default="USD", description="Preferred currency, ISO 4217")


class NewAddress(RequestModel):
    """An address to add to the book."""

    recipient: Name
    line1: Line
    line2: Line | None = None
    city: Name
    region: Name | None = Field(default=None, description="State or province where it is used")
    postal_code: PostalCode
    country: Country = Field(description="ISO 3166-1 alpha-2, such as `US`")
    phone: Phone | None = Field(default=None, description="E.164, such as `+14155550100`")
    is_default: bool = False


class AddressChange(MergePatch):
    """Merge patch (RFC 7396) of an address; `null` clears an optional member."""

    recipient: Name = ""
    line1: Line = ""
    line2: Line | None = None
    city: Name = ""
    region: Name | None = None
    postal_code: PostalCode = ""
    country: Country = ""
    phone: Phone | None = None
    is_default: bool = False


class AddressView(ResponseModel):
    """One address of the caller's book."""

    address_id: str
    recipient: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str
    country: str
    phone: str | None
    is_default: bool
    version: int


class AddressBook(ResponseModel):
    """All addresses of the caller, the default first."""

    items: list[AddressView]
