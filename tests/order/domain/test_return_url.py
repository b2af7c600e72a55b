import pytest

from services.order.domain.return_url import refusal_of_return_url


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/checkout/return?order=1#done",
        "https://shop.example:8443",
        "http://localhost:3000/return",
        "http://app.localhost/return",
        "http://127.0.0.1:8080/return",
        "http://[::1]/return",
        "https://203.0.113.7/return",
        "HTTPS://Shop.Example./return",
    ],
)
def test_an_encrypted_address_or_one_on_the_customers_own_machine_is_fine(url: str) -> None:
    assert refusal_of_return_url(url) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://shop.example/return", "https"),
        ("http://10.0.0.1/return", "https"),
        ("http://localhost.shop.example/return", "https"),
        ("javascript:alert(1)", "names a host"),
        ("ftp://shop.example/", "https"),
        ("//shop.example/", "https"),
        ("https://", "names a host"),
        ("/return", "names a host"),
        ("https://./", "names a host"),
        ("https://%00/", "names a host"),
        ("https://shop..example/", "names a host"),
        ("https://shop.example:0/", "names a host"),
        ("https://shop.example:99999/", "be a URL"),
        ("https://[::1/", "be a URL"),
        ("https://user:secret@shop.example/", "credentials"),
        ("https://user@shop.example/", "credentials"),
        ("https://@shop.example/", "credentials"),
        ("https://good.example\\@evil.example/", "backslash"),
        ("https://shop.example/\r\nSet-Cookie: x", "ASCII"),
        ("https://shop.example/a b", "ASCII"),
        ("https://shöp.example/", "ASCII"),
    ],
)
def test_any_other_address_is_refused_with_the_reason(url: str, why: str) -> None:
    assert why in str(refusal_of_return_url(url))
