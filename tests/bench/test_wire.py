from collections import Counter

import pytest

from bench.wire import Answer, BadAnswer, Load, parse, request_bytes

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: "v1"\r\n\r\nhi'


def test_an_answer_is_read_once_its_body_is_whole() -> None:
    assert [parse(ANSWER[:end]) for end in (0, 10, len(ANSWER) - 1)] == [None, None, None]
    assert parse(ANSWER) == Answer(200, {"content-length": "2", "etag": '"v1"'}, b"hi")


def test_a_304_has_no_body_whatever_its_headers_say() -> None:
    answer = parse(b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n')
    assert answer == Answer(304, {"etag": '"v1"'}, b"")


def test_an_answer_without_a_length_is_refused() -> None:
    with pytest.raises(BadAnswer, match="without a length"):
        parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_a_request_names_host_length_and_type() -> None:
    written = request_bytes("POST", "http://127.0.0.1:80/v1/x?a=b", {"Prefer": "wait=1"}, b"{}")
    head, _, body = written.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /v1/x?a=b HTTP/1.1",
        b"Host: 127.0.0.1:80",
        b"Prefer: wait=1",
        b"Content-Type: application/json",
        b"Content-Length: 2",
    ]
    assert body == b"{}"


def test_a_load_counts_answers_per_second() -> None:
    assert Load(2.0, [0.1] * 10, Counter({200: 10})).per_second == 5.0
