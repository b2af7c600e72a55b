"""What payment knows of one person, for user to hand it to them."""

from libs.erasure.routes import personal_data_router
from services.payment.repository.privacy import EXPORT

router = personal_data_router(EXPORT)
