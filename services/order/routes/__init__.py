"""Paths of the order service: `checkout` makes orders, `reading` shows them, `changing` moves them on.

`privacy` and `receipts` answer user.
"""

from fastapi import APIRouter

from services.order.routes import changing, checkout, privacy, reading, receipts

router = APIRouter()
for part in (checkout, reading, changing, privacy, receipts):
    router.include_router(part.router)
