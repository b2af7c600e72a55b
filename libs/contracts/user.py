"""Events user publishes."""

from typing import ClassVar

from libs.contracts.message import Event


class ProfileCreated(Event):
    """A profile exists for a registered identity."""

    type: ClassVar[str] = "user.profile_created.v1"
    publisher: ClassVar[str] = "user"
    subject_field: ClassVar[str] = "user_id"

    user_id: str
    home_region: str
