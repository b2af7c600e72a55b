"""What the user service reads from its environment besides the common settings."""

from typing import Annotated, ClassVar

from pydantic import Field

from libs.settings import ServiceSettings


class UserSettings(ServiceSettings):
    """Settings of the user service."""

    service: ClassVar[str] = "user"

    auth_base_url: str
    cart_base_url: str
    order_base_url: str
    payment_base_url: str
    mail_from: Annotated[str, Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")]
    """The address mails come from: one that SES may send from (an identity of it, or of its domain)."""
    shop_url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    """Where the shop's pages are; the links in mails lead there."""
