"""Paths of the user service, a module per subject."""

from fastapi import APIRouter

from services.user.routes import erasures, privacy, profiles

router = APIRouter()
for part in (profiles, privacy, erasures):
    router.include_router(part.router)
