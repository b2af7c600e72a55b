"""What order knows of one person."""

from typing import Final

from libs.erasure.export import Export
from services.order.models import Base

EXPORT: Final = Export(Base)
