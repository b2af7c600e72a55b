"""Events auth publishes."""

from typing import ClassVar

from libs.contracts.message import Event


class IdentityRegistered(Event):
    """Somebody can now log in. Who needs the address asks auth for it at the moment of use."""

    type: ClassVar[str] = "identity.registered.v1"
    publisher: ClassVar[str] = "auth"
    subject_field: ClassVar[str] = "user_id"

    user_id: str
    home_region: str
