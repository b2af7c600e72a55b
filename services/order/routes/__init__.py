"""Paths of the order service: `checkout` makes orders, `reading` shows them, `changing` moves them on.

`privacy` answers user.
"""

from fastapi import APIRouter

from services.order.routes import changing, checkout, privacy, reading

router = APIRouter()
for part in (checkout, reading, changing, privacy):
    router.include_router(part.router)
