"""The payment simulator's book, as far as the daily comparison reads it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import date
from http import HTTPStatus
from typing import Final, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from services.payment.clients.protocol import BookUnreadable
from services.payment.domain.reconciliation import Charge, Movement, Returned, Theirs
from services.payment.domain.states import RefundState

_PAGE: Final = 1000

_STATES: Final = {
    "requires_action": Theirs.OPEN,
    "authorized": Theirs.RESERVED,
    "captured": Theirs.TAKEN,
    "voided": Theirs.RELEASED,
    "declined": Theirs.DECLINED,
}


class _Reply(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Charge(_Reply):
    id: str
    amount_minor: int
    captured_minor: int
    currency: str
    status: Literal["requires_action", "authorized", "captured", "voided", "declined"]
    metadata: dict[str, str]

    def movement(self) -> Charge:
        return Charge(
            reference=self.id,
            payment_id=self.metadata.get("payment_id"),
            order_id=self.metadata.get("order_id"),
            state=_STATES[self.status],
            amount_minor=self.amount_minor,
            taken_minor=self.captured_minor,
            currency=self.currency,
        )


class _Refund(_Reply):
    id: str
    charge_id: str
    amount_minor: int
    currency: str
    metadata: dict[str, str]

    def movement(self) -> Returned:
        return Returned(
            reference=self.id,
            charge_reference=self.charge_id,
            payment_id=self.metadata.get("payment_id"),
            order_id=self.metadata.get("order_id"),
            refund_id=self.metadata.get("refund_id"),
            state=RefundState.SUCCEEDED,
            amount_minor=self.amount_minor,
            currency=self.currency,
        )


class _Charges(_Reply):
    data: list[_Charge]
    has_more: bool


class _Refunds(_Reply):
    data: list[_Refund]
    has_more: bool


Listing = TypeVar("Listing", _Charge, _Charges, _Refunds)


class SimulatorBook:
    """Reads the simulator's book. `timeout_seconds` bounds each page."""

    def __init__(
        self, http: httpx.AsyncClient, *, base_url: str, api_key: str, timeout_seconds: float
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._authorization = f"Bearer {api_key}"
        self._timeout_seconds = timeout_seconds

    async def movements(self, day: date) -> AsyncIterator[Movement]:
        after: str | None = ""
        while after is not None:
            charges = _parsed(await self._page("/v1/charges", day, after), _Charges)
            for charge in charges.data:
                yield charge.movement()
            after = charges.data[-1].id if charges.has_more else None
        after = ""
        while after is not None:
            refunds = _parsed(await self._page("/v1/refunds", day, after), _Refunds)
            for refund in refunds.data:
                yield refund.movement()
            after = refunds.data[-1].id if refunds.has_more else None

    async def charge(self, reference: str) -> Charge | None:
        answer = await self._get(f"/v1/charges/{quote(reference, safe='')}", {})
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        return _parsed(answer, _Charge).movement()

    async def refunds_of(self, reference: str) -> list[Returned]:
        answer = await self._get("/v1/refunds", {"charge_id": reference})
        return [row.movement() for row in _parsed(answer, _Refunds).data]

    async def _page(self, path: str, day: date, after: str) -> httpx.Response:
        query = {"day": day.isoformat(), "starting_after": after, "limit": str(_PAGE)}
        return await self._get(path, query)

    async def _get(self, path: str, query: Mapping[str, str]) -> httpx.Response:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._http.get(
                    f"{self._base_url}{path}",
                    params=query,
                    headers={"Authorization": self._authorization},
                    timeout=self._timeout_seconds,
                )
        except (TimeoutError, httpx.HTTPError) as error:
            raise BookUnreadable(f"{path}: {type(error).__name__}") from error


def _parsed(answer: httpx.Response, kind: type[Listing]) -> Listing:
    if not answer.is_success:
        raise BookUnreadable(f"{answer.url.path}: HTTP {answer.status_code}")
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        raise BookUnreadable(f"{answer.url.path}: answer unreadable") from error
