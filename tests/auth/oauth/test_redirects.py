"""Browsers are sent to registered addresses and nowhere else, however an attacker writes them."""

import httpx
import pytest

from services.auth.domain.oauth.redirects import (
    checked_redirect_uri,
    is_registered,
    with_parameters,
)
from tests.auth.oauth.application import Application
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.conftest import RegisterApplication

BYPASSES = {
    "another host": "https://evil.example/callback?from=meridian",
    "a host that begins like it": "https://shop.example.evil.example/callback?from=meridian",
    "a host that ends like it": "https://evilshop.example/callback?from=meridian",
    "a subdomain": "https://evil.shop.example/callback?from=meridian",
    "credentials in front": "https://shop.example@evil.example/callback?from=meridian",
    "credentials with a backslash": "https://shop.example\\@evil.example/callback?from=meridian",
    "plain http": "http://shop.example/callback?from=meridian",
    "another port": "https://shop.example:8443/callback?from=meridian",
    "the default port written out": "https://shop.example:443/callback?from=meridian",
    "another path": "https://shop.example/callback/../open?from=meridian",
    "a path below": "https://shop.example/callback/x?from=meridian",
    "an encoded path": "https://shop.example/%63allback?from=meridian",
    "another case": "https://shop.example/Callback?from=meridian",
    "another case of the host": "https://SHOP.example/callback?from=meridian",
    "one more parameter": "https://shop.example/callback?from=meridian&next=https://evil.example",
    "no query": "https://shop.example/callback",
    "a fragment": "https://shop.example/callback?from=meridian#@evil.example",
    "a script": "javascript:alert(1)//https://shop.example/callback?from=meridian",
    "data": "data:text/html,<script>alert(1)</script>",
    "no scheme": "//shop.example/callback?from=meridian",
    "white space in front": " https://shop.example/callback?from=meridian",
    "a line break behind": "https://shop.example/callback?from=meridian\r\nX-Evil: 1",
    "a NUL character behind": "https://shop.example/callback?from=meridian\x00.evil.example",
    "a full-width letter": "https://shop.example/callback?from=meridia\uff4e",
    "a trailing dot": "https://shop.example./callback?from=meridian",
    "the pattern of all": "*",
    "nothing": "",
}


async def test_an_address_that_is_not_registered_gets_a_page_and_no_redirect(
    shop: Application, logged_in: Browser
) -> None:
    let_through, said = [], set()
    for name, presented in BYPASSES.items():
        response = await logged_in.get(shop.address(redirect_uri=presented))
        shown = response.status_code == 400 and "Location" not in response.headers
        if not shown or "evil" in response.text:
            let_through.append(name)
        if "\x00" not in presented:
            said.add(response.text.replace(response.headers["x-request-id"], "its id"))
    assert let_through == []
    assert len(said) == 1, "every attempt reads alike, however near it came"
    assert "Location" in (await logged_in.get(shop.address())).headers


async def test_two_addresses_are_one_too_many(shop: Application, logged_in: Browser) -> None:
    response = await logged_in.get(f"{shop.address()}&redirect_uri=https%3A%2F%2Fevil.example")
    assert (response.status_code, response.headers.get("Location")) == (400, None)


LOOPBACK = "http://127.0.0.1/callback"


@pytest.mark.parametrize(
    ("presented", "fits"),
    [
        ("http://127.0.0.1/callback", True),
        ("http://127.0.0.1:49152/callback", True),
        ("http://127.0.0.1:65535/callback", True),
        ("http://127.0.0.1:65536/callback", False),
        ("http://127.0.0.1:0/callback", False),
        ("http://127.0.0.1:/callback", False),
        ("http://127.0.0.1:49152/other", False),
        ("http://127.0.0.1:49152@evil.example/callback", False),
        ("http://127.0.0.1:49152/callback#x", False),
        ("https://127.0.0.1:49152/callback", False),
        ("http://localhost:49152/callback", False),
        ("http://[::1]:49152/callback", False),
        ("http://127.0.0.2:49152/callback", False),
        ("http://127.1/callback", False),
        ("http://2130706433/callback", False),
        ("http://127.0.0.1.evil.example/callback", False),
        ("http://127.0.0.1:\u0664\u0665/callback", False),
    ],
)
def test_only_the_port_of_a_loopback_address_may_differ(presented: str, *, fits: bool) -> None:
    assert is_registered(presented, [LOOPBACK]) is fits


def test_the_port_of_a_name_may_not_differ() -> None:
    assert not is_registered("http://localhost:2/cb", ["http://localhost:1/cb"])
    assert not is_registered("https://shop.example:2/cb", ["https://shop.example/cb"])
    assert is_registered("http://[::1]:7/cb", ["http://[::1]/cb"])


@pytest.mark.parametrize(
    "uri",
    [
        "https://shop.example/cb",
        "https://shop.example:8443/cb?x=1",
        "http://127.0.0.1/cb",
        "http://[::1]:3000/cb",
        "http://localhost:3000/cb",
        "com.example.app:/cb",
    ],
)
def test_these_can_be_registered(uri: str) -> None:
    assert checked_redirect_uri(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        *("", "/cb", "//shop.example/cb", "https:///cb", "https://*.shop.example/cb"),
        *("http://shop.example/cb", "https://a@shop.example/cb", "https://shop.example/cb#x"),
        *("javascript:alert(1)", "data:text/html,x", "app:/cb", "file:///etc/passwd"),
        *("https://shop.example/c b", "https://shop.example/c\\b", "https://shop.example/ü"),
        *("https://shop.example/" + "x" * 500, "http://127.0.0.1@evil.example/cb"),
    ],
)
def test_these_cannot_be_registered(uri: str) -> None:
    with pytest.raises(ValueError, match="must"):
        checked_redirect_uri(uri)


def test_an_answer_is_added_to_the_query_that_is_there() -> None:
    answered = with_parameters("https://shop.example/cb?x=1", {"code": "a&b", "state": None})
    assert answered == "https://shop.example/cb?x=1&code=a%26b"
    assert with_parameters("https://shop.example/cb", {"state": None}) == "https://shop.example/cb"


async def test_a_native_application_gets_its_code_at_the_port_it_listens_on(
    application: RegisterApplication, client: httpx.AsyncClient, logged_in: Browser
) -> None:
    native = await application("native-app", confidential=False, redirect_uris=[LOOPBACK])
    response = await logged_in.get(native.address(redirect_uri="http://127.0.0.1:51004/callback"))
    assert response.headers["Location"].startswith("http://127.0.0.1:51004/callback?code=")
