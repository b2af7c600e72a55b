"""User's tables: importing this package registers all of them on `Base`."""

from services.user.models.base import Base
from services.user.models.erasures import Erasure, ErasureAnswer
from services.user.models.profiles import Address, Profile

__all__ = ["Address", "Base", "Erasure", "ErasureAnswer", "Profile"]
