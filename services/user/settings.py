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
    mail_configuration_set: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    """The configuration set of SES that mails are sent with: what bounces and complaints are counted and remembered by."""
    shop_url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    """Where the shop's pages are; the links in mails lead there."""
