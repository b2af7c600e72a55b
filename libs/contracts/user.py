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


class ErasureRequested(Event):
    """A person wants to be forgotten: every service removes what it knows of them and says so."""

    type: ClassVar[str] = "user.erasure_requested.v1"
    publisher: ClassVar[str] = "user"
    subject_field: ClassVar[str] = "user_id"

    user_id: str
    erasure_id: str


class UserErased(Event):
    """Every service has answered: nothing is left of a person but what the law makes us keep."""

    type: ClassVar[str] = "user.erased.v1"
    publisher: ClassVar[str] = "user"
    subject_field: ClassVar[str] = "user_id"

    user_id: str
    erasure_id: str
