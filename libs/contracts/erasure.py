"""What every service's answer to an erasure says. The types stand with their publishers."""

from datetime import date
from typing import ClassVar

from libs.contracts.message import Event


class ErasureCompleted(Event):
    """Base: what a service knew of a person is gone, but for what the law makes it keep until a day."""

    subject_field: ClassVar[str] = "user_id"

    user_id: str
    erasure_id: str
    removed: int
    """Rows deleted or emptied."""
    retained_until: date | None = None
    """The day on which the last of what has to be kept goes by itself; None when nothing is kept."""
