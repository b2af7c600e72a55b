"""An HTTP client of the gateway that records every request and repeats it, with its key, until it is answered."""

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal

import httpx
from typing_extensions import override

from libs.testing.staff import Administrator
from torture.history import Recorder

PATIENCE_SECONDS: Final = 60.0
_LONGEST_PAUSE_SECONDS: Final = 2.0
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_COME_AGAIN: Final = frozenset({"idempotency_in_flight", "idempotency_lease_lost"})
_MADE_AN_ORDER: Final = frozenset({"payment_declined", "order_not_placed"})
"""Refusals of an order that exists: it was placed and came to nothing while the client waited."""

_KEPT: Final = (
    "order_id", "version", "status", "payment_status", "shipment_status", "refund_id", "shipment_id",
    "adjustment_id", "code", "cart_id",
)  # fmt: skip
"""What of an answer goes into the history."""


@dataclass(frozen=True)
class Answer:
    """What came back; `status` is 0 when nothing did."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: bool = True

    @property
    def ok(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def code(self) -> str:
        return str(self.body.get("code", ""))

    @property
    def final(self) -> bool:
        """Whether sending the same request again could change nothing."""
        if self.status < HTTPStatus.INTERNAL_SERVER_ERROR and self.status != 0:
            return self.status != HTTPStatus.TOO_MANY_REQUESTS and self.code not in _COME_AGAIN
        return False

    @property
    def outcome(self) -> Literal["ok", "fail", "info"]:
        """What it says about the effect, in the history's words."""
        if self.ok or (self.code in _MADE_AN_ORDER and "order_id" in self.body):
            return "ok"
        if self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or (self.status == 0 and self.sent):
            return "info"
        return "fail"


@dataclass
class Caller:
    """Somebody with an account. One request at a time per process name; `alias` makes another process."""

    http: httpx.AsyncClient
    recorder: Recorder
    process: str
    email: str
    password: str
    user_id: str = ""
    address_id: str = ""
    token: str = ""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def call(
        self,
        f: str,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        tag: str | None = None,
        wait: int = 0,
        alias: str = "",
        value: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send a request until it is answered for good, at most for a minute; every try is recorded."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        headers = self._headers(key, tag, wait)
        sent = {"user_id": self.user_id, **(value or {}), **_named(key=key, tag=tag)}
        pause = 0.1
        while True:
            answer = await self._once(f, method, path, body, headers, sent, wait, alias)
            if answer.status == HTTPStatus.UNAUTHORIZED and f != "login":
                await self.log_in()
            elif answer.final:
                return answer
            if time.monotonic() > deadline:
                return answer
            await asyncio.sleep(_asked_pause(answer, pause))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def log_in(self) -> None:
        """Get a token; the shop may have forgotten the session, or the token's five minutes are over."""
        login = {"email": self.email, "password": self.password}
        answer = await self.call("login", "POST", "/v1/auth/login", login, alias=".login")
        self.token = str(answer.body.get("access_token", ""))

    async def _once(
        self,
        f: str,
        method: str,
        path: str,
        body: object,
        headers: dict[str, str],
        value: Mapping[str, Any],
        wait: int,
        alias: str,
    ) -> Answer:
        process = self.process + alias
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        index = self.recorder.invoke(process, f, value)
        answer = Answer(0, {"code": "cancelled"})
        try:
            answer = await self._exchange(method, path, body, {**headers, **authorization}, wait)
        finally:
            kept = {name: answer.body[name] for name in _KEPT if answer.body.get(name) is not None}
            replayed = {"replayed": True} if "idempotency-replayed" in answer.headers else {}
            self.recorder.complete(
                index, process, answer.outcome, f, {"http": answer.status, **kept, **replayed}
            )
        return answer

    async def _exchange(
        self, method: str, path: str, body: object, headers: dict[str, str], wait: int
    ) -> Answer:
        try:
            response = await self.http.request(
                method,
                path,
                json=body,
                headers=headers,
                timeout=httpx.Timeout(8.0 + wait, connect=2),
            )
        except httpx.HTTPError as error:
            return Answer(
                0, {"code": type(error).__name__}, sent=not isinstance(error, _NEVER_SENT)
            )
        try:
            found = response.json() if response.content else {}
        except ValueError:
            found = {}
        return Answer(
            response.status_code, found if isinstance(found, dict) else {}, response.headers
        )

    def _headers(self, key: str | None, tag: str | None, wait: int) -> dict[str, str]:
        named = {
            "Idempotency-Key": key,
            "If-Match": tag,
            "Prefer": f"wait={wait}" if wait else None,
        }
        return {name: value for name, value in named.items() if value is not None}


class StaffCaller(Caller):
    """Staff, whose password alone opens nothing that is theirs to do."""

    def __init__(
        self, http: httpx.AsyncClient, recorder: Recorder, process: str, who: Administrator
    ) -> None:
        super().__init__(http, recorder, process, who.email, who.password)
        self._who = who

    @override
    async def log_in(self) -> None:
        self.token = await self._who.log_in(self._post)

    async def _post(self, path: str, body: object, token: str) -> Mapping[str, Any]:
        self.token = token or self.token
        return (await self.call("login", "POST", path, body, alias=".login")).body


def new_key() -> str:
    """Make an idempotency key; keys need not be the same in two runs of one plan."""
    return secrets.token_hex(12)


def _named(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _asked_pause(answer: Answer, otherwise: float) -> float:
    asked = answer.headers.get("retry-after", "")
    seconds = float(asked) if asked.isdecimal() else otherwise
    return min(seconds, _LONGEST_PAUSE_SECONDS)
