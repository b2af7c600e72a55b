"""Paths of the auth service, a module per subject."""

from fastapi import APIRouter

from services.auth.routes import (
    accounts,
    administration,
    closing,
    keys,
    mail_tokens,
    oauth,
    passwords,
    privacy,
    proofs,
    second_factors,
    sessions,
)

router = APIRouter()
for part in (
    accounts,
    closing,
    privacy,
    sessions,
    proofs,
    second_factors,
    passwords,
    administration,
    keys,
    mail_tokens,
    oauth,
):
    router.include_router(part.router)
