"""A browser without scripts: follows nothing by itself, keeps our cookie, fills in forms that pages show."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx
from typing_extensions import override

COOKIE = "__Host-meridian_session"


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given["action"]
        if tag == "input":
            self.fields[given["name"]] = given.get("value", "")


@dataclass
class Browser:
    """One browser; its cookie is sent by hand, because real ones send `Secure` cookies to loopback addresses too."""

    http: httpx.AsyncClient
    cookie: str | None = None
    headers: dict[str, str] = field(default_factory=lambda: {"Sec-Fetch-Site": "same-origin"})
    page: httpx.Response | None = None

    async def get(self, address: str) -> httpx.Response:
        return self._seen(await self.http.get(address, headers=self._sent()))

    async def open(self, address: str) -> httpx.Response:
        """Follow redirects as long as they stay here."""
        response = await self.get(address)
        while response.status_code == 303 and response.headers["Location"].startswith("/"):
            response = await self.get(response.headers["Location"])
        return response

    async def submit(self, **fields: str) -> httpx.Response:
        """Send the form of the page that is open, with these fields filled in."""
        assert self.page is not None, "no page is open"
        form = _Forms()
        form.feed(self.page.text)
        response = await self.post(form.action, {**form.fields, **fields})
        while response.status_code == 303 and response.headers["Location"].startswith("/"):
            response = await self.get(response.headers["Location"])
        return response

    async def post(self, address: str, fields: dict[str, str]) -> httpx.Response:
        return self._seen(await self.http.post(address, data=fields, headers=self._sent()))

    def _sent(self) -> dict[str, str]:
        return {**self.headers, **({"Cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {})}

    def _seen(self, response: httpx.Response) -> httpx.Response:
        set_by_page = re.search(rf"{COOKIE}=([^;]*)", response.headers.get("Set-Cookie", ""))
        if set_by_page is not None:
            self.cookie = set_by_page[1].strip('"') or None
        if response.headers.get("Content-Type", "").startswith("text/html") and response.text:
            self.page = response
        self.http.cookies.clear()
        return response
