"""What order reads from its environment besides the common settings."""

from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from libs.settings import DatabaseSettings, MasterKeySettings, ServiceSettings


class OrderSettings(ServiceSettings):
    """Where the services order calls are, and how patient its saga is (seconds)."""

    service: ClassVar[str] = "order"

    product_base_url: str
    cart_base_url: str
    user_base_url: str

    hold_seconds: Annotated[int, Field(ge=60, le=3600)] = 600
    pending_timeout_seconds: Annotated[int, Field(ge=1)] = 600
    """Age at which an order that is still pending is given up."""
    action_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 900
    """How long a customer may take to confirm a payment with their bank; stock is held meanwhile."""
    sweep_seconds: Annotated[float, Field(gt=0)] = 5.0
    resend_seconds: Annotated[float, Field(gt=0)] = 10.0
    """Patience before an unanswered command is sent again; doubles each time."""
    resends_per_second: Annotated[float, Field(gt=0)] = 5.0
    """How many commands one process sends again in the long run; a hundred at once are always allowed."""


class AuditSettings(MasterKeySettings, DatabaseSettings):
    """What the audit needs: it runs without tokens."""

    database_url: SecretStr
