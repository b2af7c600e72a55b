"""Bodies of administering accounts."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from libs.web.strict import RequestModel, ResponseModel


class Roles(RequestModel):
    """All the roles the account shall have."""

    roles: Annotated[list[Literal["customer", "admin"]], Field(min_length=1, max_length=2)]


class AccountView(ResponseModel):
    """An account as staff see it; who somebody is, profiles say."""

    user_id: str
    status: str
    roles: list[str]
    second_factor: bool
    email_verified_at: datetime | None
    created_at: datetime
