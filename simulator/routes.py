"""The provider's endpoints under `/v1`."""

import secrets
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import JSONResponse

from simulator.book import Answer, NewCharge
from simulator.errors import SimulatorError
from simulator.parts import Parts, PartsDep
from simulator.rules import TOKENS, Operation, fault_of
from simulator.schemas import CaptureBody, ChargeBody, RefundBody, VoidBody

KeyHeader = Annotated[str | None, Header(alias="Idempotency-Key")]
DayQuery = Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}-\d{2}$")]
LimitQuery = Annotated[int, Query(ge=1, le=1000)]


def _authenticated(parts: PartsDep, authorization: Annotated[str | None, Header()] = None) -> None:
    expected = f"Bearer {parts.api_key}"
    if not secrets.compare_digest((authorization or "").encode(), expected.encode()):
        raise SimulatorError(
            401, "authentication_error", "api_key_invalid", "Send Authorization: Bearer <API key>."
        )


router = APIRouter(prefix="/v1", dependencies=[Depends(_authenticated)])


@router.post("/charges")
async def create_charge(body: ChargeBody, parts: PartsDep, key: KeyHeader = None) -> JSONResponse:
    """Reserve an amount, or take it at once with `capture: true`."""
    if body.payment_method not in TOKENS:
        raise SimulatorError(
            400, "invalid_request_error", "payment_method_unknown", "No such payment method token."
        )
    new = NewCharge(**body.model_dump())
    return await _execute(
        parts,
        key,
        Operation.CHARGE,
        body.payment_method,
        ["charge", body.model_dump()],
        lambda used: parts.engine.book.charge(used, new),
    )


@router.post("/charges/{charge_id}/capture")
async def capture_charge(
    charge_id: str, parts: PartsDep, body: CaptureBody | None = None, key: KeyHeader = None
) -> JSONResponse:
    """Take a reserved amount."""
    amount = body.amount_minor if body else None
    return await _execute(
        parts,
        key,
        Operation.CAPTURE,
        await _token_of(parts, charge_id),
        ["capture", charge_id, amount],
        lambda used: parts.engine.book.capture(used, charge_id, amount),
    )


@router.post("/charges/{charge_id}/void")
async def void_charge(
    charge_id: str, parts: PartsDep, _body: VoidBody | None = None, key: KeyHeader = None
) -> JSONResponse:
    """Give a reserved amount back."""
    return await _execute(
        parts,
        key,
        Operation.VOID,
        await _token_of(parts, charge_id),
        ["void", charge_id],
        lambda used: parts.engine.book.void(used, charge_id),
    )


@router.post("/charges/{charge_id}/refunds")
async def refund_charge(
    charge_id: str, body: RefundBody, parts: PartsDep, key: KeyHeader = None
) -> JSONResponse:
    """Return a captured amount, in whole or in part."""
    return await _execute(
        parts,
        key,
        Operation.REFUND,
        await _token_of(parts, charge_id),
        ["refund", charge_id, body.model_dump()],
        lambda used: parts.engine.book.refund(used, charge_id, body.amount_minor, body.metadata),
    )


@router.get("/charges/{charge_id}")
async def get_charge(charge_id: str, parts: PartsDep) -> dict[str, object]:
    """Return one charge."""
    return await parts.offload.call(parts.reading.charge, charge_id)


@router.get("/charges")
async def list_charges(
    parts: PartsDep,
    idempotency_key: str | None = None,
    day: DayQuery = None,
    starting_after: str = "",
    limit: LimitQuery = 100,
) -> dict[str, object]:
    """Find the charge a key created, captured or voided, or list a UTC day's charges."""
    if idempotency_key is not None:
        return _listing(await parts.offload.call(parts.reading.charges_by_key, idempotency_key))
    if day is None:
        raise _needs("idempotency_key or day")
    rows = await parts.offload.call(parts.reading.charges_of_day, day, starting_after, limit + 1)
    return _listing(rows, limit)


@router.get("/refunds")
async def list_refunds(
    parts: PartsDep,
    idempotency_key: str | None = None,
    charge_id: str | None = None,
    day: DayQuery = None,
    starting_after: str = "",
    limit: LimitQuery = 100,
) -> dict[str, object]:
    """Find the refund a key made, or list a charge's or a UTC day's refunds."""
    if idempotency_key is not None:
        return _listing(await parts.offload.call(parts.reading.refunds_by_key, idempotency_key))
    if charge_id is not None:
        return _listing(await parts.offload.call(parts.reading.refunds_of_charge, charge_id))
    if day is None:
        raise _needs("idempotency_key, charge_id or day")
    rows = await parts.offload.call(parts.reading.refunds_of_day, day, starting_after, limit + 1)
    return _listing(rows, limit)


async def _execute(
    parts: Parts,
    key: str | None,
    operation: Operation,
    token: str,
    parameters: list[object],
    effect: Callable[[str], Answer],
) -> JSONResponse:
    fault = fault_of(token, operation)
    answer, replayed = await parts.engine.execute(key, parameters, fault, effect)
    headers = {"Idempotent-Replayed": "true"} if replayed else None
    return JSONResponse(answer.body, answer.status, headers)


async def _token_of(parts: Parts, charge_id: str) -> str:
    charge = await parts.offload.call(parts.reading.charge, charge_id)
    return str(charge["payment_method"])


def _listing(rows: list[dict[str, object]], limit: int | None = None) -> dict[str, object]:
    shown = rows if limit is None else rows[:limit]
    return {"object": "list", "data": shown, "has_more": len(shown) < len(rows)}


def _needs(names: str) -> SimulatorError:
    return SimulatorError(400, "invalid_request_error", "filter_missing", f"Send {names}.")
