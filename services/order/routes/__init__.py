"""Paths of the order service: `checkout` makes orders, `reading` shows them, `changing` moves them on."""

from fastapi import APIRouter

from services.order.routes import changing, checkout, reading

router = APIRouter()
for part in (checkout, reading, changing):
    router.include_router(part.router)
