"""Paths of the cart service, a module per subject."""

from fastapi import APIRouter

from services.cart.routes import carts, privacy

router = APIRouter()
for part in (carts, privacy):
    router.include_router(part.router)
