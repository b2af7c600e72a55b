"""The payment simulator, spoken to over HTTP."""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from libs.money import MINOR_DIGITS, Money
from services.payment.domain.records import Work
from services.payment.domain.states import (
    ActionRequired,
    Purpose,
    Refused,
    Succeeded,
    Unknown,
    Verdict,
)


class _Reply(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Charge(_Reply):
    id: str
    amount_minor: int
    currency: str
    status: Literal["requires_action", "authorized", "declined", "captured", "voided"]
    captured_minor: int
    decline_code: str | None = None
    redirect_url: str | None = None

    def verdict(self, purpose: Purpose) -> Verdict:
        """Read the charge as the answer to a call of this purpose."""
        done = _DONE[purpose]
        if self.status == "declined" and self.status not in done:
            return Refused(self.decline_code or "declined")
        if self.status == "requires_action" and purpose is Purpose.AUTHORIZE and self.redirect_url:
            return ActionRequired(self.redirect_url, self.id)
        if self.status not in done:
            return Unknown(f"charge_{self.status}")
        amount = self.captured_minor if purpose is Purpose.CAPTURE else self.amount_minor
        return _succeeded(self.id, amount, self.currency)


class _Refund(_Reply):
    id: str
    amount_minor: int
    currency: str
    status: Literal["succeeded"]

    def verdict(self) -> Verdict:
        return _succeeded(self.id, self.amount_minor, self.currency)


class _Charges(_Reply):
    data: list[_Charge]


class _Refunds(_Reply):
    data: list[_Refund]


class _Error(_Reply):
    code: str


class _Failure(_Reply):
    error: _Error


_DONE: Final[Mapping[Purpose, frozenset[str]]] = {
    # What came after an authorisation proves that it was given.
    Purpose.AUTHORIZE: frozenset({"authorized", "captured", "voided"}),
    Purpose.CAPTURE: frozenset({"captured"}),
    # The customer may have refused before the void came: nothing is reserved then either.
    Purpose.VOID: frozenset({"voided", "declined"}),
}

_FINAL_STATUSES: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""Statuses with which the provider refuses for good. 401, 403 and 404 are our misconfiguration, 409 and 429 pass."""

_OUR_FAULTS: Final = frozenset({"idempotency_key_reused", "idempotency_key_missing"})
"""Final for the provider, but they say nothing about the charge: somebody has to look."""


class SimulatorProvider:
    """Speaks to the payment simulator. `timeout_seconds` bounds a whole call, from connecting to the last byte."""

    def __init__(
        self, http: httpx.AsyncClient, *, base_url: str, api_key: str, timeout_seconds: float
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._authorization = f"Bearer {api_key}"
        self._timeout_seconds = timeout_seconds

    async def authorize(self, work: Work) -> Verdict:
        body = {
            "amount_minor": work.operation.money.amount_minor,
            "currency": work.operation.money.currency,
            "payment_method": work.payment.payment_method,
            "metadata": _metadata(work),
            "capture": False,
        }
        if work.payment.return_url is not None:
            body["return_url"] = work.payment.return_url
        return await self._post(work, "/v1/charges", body)

    async def capture(self, work: Work) -> Verdict:
        body = {"amount_minor": work.operation.money.amount_minor}
        return await self._post(work, f"{_charge_path(work)}/capture", body)

    async def void(self, work: Work) -> Verdict:
        return await self._post(work, f"{_charge_path(work)}/void", {})

    async def refund(self, work: Work) -> Verdict:
        body = {"amount_minor": work.operation.money.amount_minor, "metadata": _metadata(work)}
        return await self._post(work, f"{_charge_path(work)}/refunds", body)

    async def find_by_key(self, work: Work) -> Verdict | None:
        purpose = work.operation.purpose
        path = "/v1/refunds" if purpose is Purpose.REFUND else "/v1/charges"
        answer = await self._send("GET", path, params={"idempotency_key": work.operation.key})
        if isinstance(answer, Unknown):
            return answer
        if not answer.is_success:
            return Unknown(f"http_{answer.status_code}")
        return _read(lambda: _first(answer.content, purpose))

    async def _post(self, work: Work, path: str, body: Mapping[str, object]) -> Verdict:
        headers = {"Idempotency-Key": work.operation.key}
        answer = await self._send("POST", path, headers=headers, body=body)
        if isinstance(answer, Unknown):
            return answer
        if answer.is_success:
            return _read(lambda: _done(answer.content, work.operation.purpose))
        if answer.status_code in _FINAL_STATUSES:
            return _read(lambda: _refusal(answer.content))
        return Unknown(f"http_{answer.status_code}")

    async def _send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> httpx.Response | Unknown:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._http.request(
                    method,
                    f"{self._base_url}{path}",
                    headers={"Authorization": self._authorization, **(headers or {})},
                    params=params,
                    json=body,
                    timeout=self._timeout_seconds,
                )
        except (TimeoutError, httpx.TimeoutException):
            return Unknown("timeout")
        except httpx.HTTPError as error:
            return Unknown(f"transport_{type(error).__name__}")


Read = TypeVar("Read")


def _read(parse: Callable[[], Read]) -> Read | Unknown:
    """Run a parser; an answer that cannot be understood proves nothing."""
    try:
        return parse()
    except ValidationError:
        return Unknown("answer_unreadable")


def _done(content: bytes, purpose: Purpose) -> Verdict:
    if purpose is Purpose.REFUND:
        return _Refund.model_validate_json(content).verdict()
    return _Charge.model_validate_json(content).verdict(purpose)


def _first(content: bytes, purpose: Purpose) -> Verdict | None:
    if purpose is Purpose.REFUND:
        refunds = _Refunds.model_validate_json(content).data
        return refunds[0].verdict() if refunds else None
    charges = _Charges.model_validate_json(content).data
    return charges[0].verdict(purpose) if charges else None


def _refusal(content: bytes) -> Verdict:
    code = _Failure.model_validate_json(content).error.code
    return Unknown(code) if code in _OUR_FAULTS else Refused(code)


def _succeeded(reference: str, amount_minor: int, currency: str) -> Verdict:
    if currency not in MINOR_DIGITS:
        return Unknown("currency_unknown")
    return Succeeded(reference, Money(amount_minor, currency))


def _charge_path(work: Work) -> str:
    return f"/v1/charges/{quote(work.payment.provider_reference or '-', safe='')}"


def _metadata(work: Work) -> dict[str, str]:
    refund = {"refund_id": work.operation.refund_id} if work.operation.refund_id else {}
    return {"payment_id": work.payment.id, "order_id": work.payment.order_id, **refund}
