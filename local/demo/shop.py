"""An HTTP client of the gateway that tells what it does: status, id, milliseconds, and the messages it caused."""

import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

from local.demo.observer import Observer
from local.demo.page import Page


class DemoFailed(AssertionError):
    """The shop did not do what the story says."""


@dataclass(frozen=True)
class Answer:
    """What came back, with the request's id to find its messages by."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]
    request_id: str

    def __getitem__(self, name: str) -> Any:
        return self.body[name]


@dataclass
class Shop:
    """Talks to the gateway and to nothing else."""

    http: httpx.AsyncClient
    observer: Observer
    page: Page
    token: str | None = None
    guest_token: str | None = None

    def chapter(self, title: str) -> None:
        """Begin a new part of the story."""
        self.page.chapter(title)

    def tell(self, text: str) -> None:
        """Say something between two steps."""
        self.page.tell(text)

    async def step(
        self,
        text: str,
        method: str,
        path: str,
        *,
        expect: int | Collection[int] = HTTPStatus.OK,
        events: Collection[str] = (),
        json: object = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        key: str | None = None,
    ) -> Answer:
        """Send one request, check its status, wait for the messages it must cause, and print it all.

        Raises:
            DemoFailed: another status came back.
            EventsMissing: a message did not come.
        """
        request_id = f"demo-{secrets.token_hex(8)}"
        began = time.perf_counter()
        response = await self.http.request(
            method,
            path,
            json=json,
            params=dict(params or {}),
            headers=self._headers(request_id, token, key, headers, with_body=json is not None),
        )
        milliseconds = (time.perf_counter() - began) * 1000
        answer = _answer(response, request_id)
        allowed = {expect} if isinstance(expect, int) else set(expect)
        if response.status_code not in allowed:
            raise DemoFailed(
                f"{text}: {method} {path} answered {response.status_code}, not {sorted(allowed)}:"
                f" {response.text[:600]}"
            )
        caused = await self.observer.wait_for(request_id, set(events))
        self.page.step(text, f"{method} {path}", answer.status, milliseconds, _identity_of(answer))
        if caused:
            self.page.tell(" > ".join(dict.fromkeys(caused)))
        return answer

    def check(self, text: str, *, actual: object, expected: object) -> None:
        """State a fact the story depends on.

        Raises:
            DemoFailed: it is not so.
        """
        if actual != expected:
            raise DemoFailed(f"{text}: expected {expected!r}, got {actual!r}")
        self.page.fact(text, actual)

    def _headers(
        self,
        request_id: str,
        token: str | None,
        key: str | None,
        extra: Mapping[str, str] | None,
        *,
        with_body: bool,
    ) -> dict[str, str]:
        headers = {"X-Request-Id": request_id, **(extra or {})}
        bearer = token or self.token
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        elif self.guest_token:
            headers["Cart-Token"] = self.guest_token
        if with_body:
            headers["Idempotency-Key"] = key or f"demo-{secrets.token_hex(12)}"
            headers.setdefault("Content-Type", "application/json")
        return headers


def _answer(response: httpx.Response, request_id: str) -> Answer:
    is_json = "json" in response.headers.get("Content-Type", "")
    body = response.json() if is_json and response.content else {}
    return Answer(response.status_code, body, dict(response.headers), request_id)


def _identity_of(answer: Answer) -> str:
    names = (
        "order_id",
        "cart_id",
        "refund_id",
        "shipment_id",
        "user_id",
        "address_id",
        "product_id",
    )
    if answer.status >= HTTPStatus.BAD_REQUEST:
        return str(answer.body.get("code", ""))
    return next((str(answer.body[name]) for name in names if name in answer.body), "")
