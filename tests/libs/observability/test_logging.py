import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import BaseModel
from typing_extensions import override

from libs.observability.context import bind
from libs.observability.logging import configure_logging, get_logger
from libs.observability.tracing import current_traceparent, start_span


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure_logging("order", "INFO", region="eu-west-1")
    yield
    logging.captureWarnings(capture=False)
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    get_logger("other tests")  # routes to the standard library again, where caplog listens


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_says_what_happened_where_and_in_which_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with start_span("test"), bind(request_id="req_1", correlation_id="c", causation_id="m"):
        _, trace_id, span_id, _ = current_traceparent().split("-")
        get_logger("shop").info("order_placed", order_id="ord_1", pieces=3)
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "order_placed",
        "level": "info",
        "logger": "shop",
        "service": "order",
        "region": "eu-west-1",
        "order_id": "ord_1",
        "pieces": 3,
        "trace_id": trace_id,
        "span_id": span_id,
        "request_id": "req_1",
        "correlation_id": "c",
        "causation_id": "m",
    }


def test_libraries_lines_look_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with bind(request_id="req_1"):
        logging.getLogger("some.library").warning("lost %s of %d", "x", 3, extra={"token": "t"})
    (line,) = lines(capsys)
    assert line["event"] == "lost x of 3"
    assert (line["level"], line["logger"]) == ("warning", "some.library")
    assert line["request_id"] == "req_1"
    assert line["token"] == "[masked]"


def test_the_server_logs_through_us_but_not_its_access_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("uvicorn.access").info("GET / 200")
    logging.getLogger("httpx").info("HTTP Request")
    assert [line["event"] for line in lines(capsys)] == ["started"]


def test_secrets_are_masked_and_lines_cannot_be_forged(capsys: pytest.CaptureFixture[str]) -> None:
    get_logger("shop").info(
        'x"}\n{"event":"forged"}', password="hunter2", who="ada@example.com", note="\x1b[2J\r"
    )
    output = capsys.readouterr().out
    assert len(output.splitlines()) == 1
    assert "\x1b" not in output
    assert "hunter2" not in output
    assert "ada@" not in output


def test_an_exception_is_told_with_its_causes_and_without_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def inner(password: str) -> None:
        raise KeyError("ada@example.com")

    try:
        try:
            inner("hunter2")
        except KeyError as error:
            raise RuntimeError("could not\nwork") from error
    except RuntimeError:
        get_logger("shop").exception("failed")
    output = capsys.readouterr().out
    assert "hunter2" not in output
    assert "ada@" not in output
    (line,) = [json.loads(one) for one in output.splitlines()]
    assert [one["type"] for one in line["exception"]] == [
        "builtins.RuntimeError",
        "builtins.KeyError",
    ]
    assert line["exception"][0]["message"] == "could not\\nwork"
    assert line["exception"][1]["frames"][-1].endswith(" inner")


def test_an_exception_that_hides_its_context_keeps_it_hidden(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def hiding() -> None:
        try:
            int("x")
        except ValueError:
            raise RuntimeError from None

    try:
        hiding()
    except RuntimeError as error:
        get_logger("shop").error("failed", exc_info=error)
    (line,) = lines(capsys)
    assert len(line["exception"]) == 1


def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    get_logger("shop").debug("noise")
    configure_logging("order", "ERROR")
    get_logger("shop").warning("noise")
    get_logger("shop").error("signal")
    assert [(line["event"], "region" in line) for line in lines(capsys)] == [("signal", False)]


def test_configuring_twice_does_not_write_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("order", "INFO")
    get_logger("shop").info("once")
    assert len(lines(capsys)) == 1


def test_warnings_become_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert lines(capsys)[0]["logger"] == "py.warnings"


def test_what_cannot_be_shown_does_not_break_the_work(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Broken:
        @override
        def __str__(self) -> str:
            raise ValueError

    get_logger("shop").info("odd", thing=Broken(), ratio=float("nan"))
    logging.getLogger("library").info("odd", extra={"thing": Broken()})
    assert [line["event"] for line in lines(capsys)] == ["odd", "odd"]


def test_exceptions_do_not_repeat_the_values_they_are_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Address(BaseModel):
        street: int

    class BrokenValidationError(Exception):
        def errors(self) -> list[str]:
            return ["not a dictionary"]

    for fail in (
        lambda: Address.model_validate({"street": "Elm Street 5"}),
        lambda: _raise(ValueError("duplicate key\nDETAIL:  Key (street)=(Elm Street 5) exists.")),
        lambda: _raise(ValueError("[SQL: INSERT]\n[parameters: ('Elm Street 5',)]")),
        lambda: _raise(BrokenValidationError("Elm Street 5")),
    ):
        try:
            fail()
        except (ValueError, BrokenValidationError):
            get_logger("shop").exception("failed")
    output = capsys.readouterr().out
    assert "Elm" not in output
    assert "int_parsing" in output
    assert "duplicate key" in output


def _raise(error: Exception) -> None:
    raise error


def test_before_the_process_is_configured_lines_go_to_the_standard_library(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.reset_defaults()
    get_logger("shop").warning("early", order_id="ord_1")
    assert "early" in caplog.text
    assert "ord_1" in caplog.text
    assert len(lines(capsys)) == 1
