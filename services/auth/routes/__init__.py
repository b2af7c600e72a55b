"""Paths of the auth service, a module per subject."""

from fastapi import APIRouter

from services.auth.routes import accounts, keys, sessions

router = APIRouter()
for part in (accounts, sessions, keys):
    router.include_router(part.router)
