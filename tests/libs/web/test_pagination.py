import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from libs.web.pagination import CursorCodec, CursorInvalid

POSITIONS = st.lists(st.text(max_size=30) | st.integers() | st.none(), min_size=1, max_size=4)


@given(POSITIONS, st.text(max_size=30))
def test_a_cursor_leads_back_to_its_position(position: list[str | int | None], of: str) -> None:
    codec = CursorCodec(SecretStr("secret"))
    assert codec.decode(codec.encode(position, of=of), of=of) == position


@given(st.binary(min_size=1, max_size=40), st.integers(0, 200))
def test_a_changed_cursor_is_refused(noise: bytes, at: int) -> None:
    codec = CursorCodec("secret")
    raw = bytearray(base64.urlsafe_b64decode(codec.encode(["2026-01-01", "ord_1"]) + "=="))
    changed = bytes(
        b ^ noise[i % len(noise)] if i == at % len(raw) else b for i, b in enumerate(raw)
    )
    if changed == bytes(raw):
        return
    with pytest.raises(CursorInvalid):
        codec.decode(base64.urlsafe_b64encode(changed).rstrip(b"=").decode())


@pytest.mark.parametrize("cursor", ["", "a", "AAAA", "!!!!", "ä", "A" * 1000, "a b c d", "\x00"])
def test_noise_is_refused(cursor: str) -> None:
    with pytest.raises(CursorInvalid) as refused:
        CursorCodec("secret").decode(cursor)
    assert refused.value.status == 400


def test_a_cursor_of_another_list_secret_or_filter_is_refused() -> None:
    cursor = CursorCodec("secret").encode([1], of="products?sort=price")
    with pytest.raises(CursorInvalid):
        CursorCodec("secret").decode(cursor, of="products?sort=name")
    with pytest.raises(CursorInvalid):
        CursorCodec("other").decode(cursor, of="products?sort=price")


def test_pages_follow_one_another_to_the_end() -> None:
    codec = CursorCodec("secret")
    rows = list(range(7))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        after = -1 if cursor is None else codec.decode(cursor)[0]
        assert isinstance(after, int)
        fetched = [row for row in rows if row > after][: 3 + 1]
        page = codec.page(fetched, 3, position=lambda row: [row], show=str)
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [str(row) for row in rows]
