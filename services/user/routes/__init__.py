"""Paths of the user service, a module per subject."""

from fastapi import APIRouter

from services.user.routes import erasures, profiles

router = APIRouter()
for part in (profiles, erasures):
    router.include_router(part.router)
