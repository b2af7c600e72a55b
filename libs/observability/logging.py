"""Structured logs: one JSON object a line on stdout, from our code and from libraries alike."""

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Final

import structlog
from opentelemetry import trace
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, FilteringBoundLogger, Processor
from typing_extensions import override

from libs.observability.context import (
    causation_id_var,
    correlation_id_var,
    request_id_var,
)
from libs.observability.redaction import redact_member

_FRAMES: Final = 12
_CAUSES: Final = 5
_VALUES_FOLLOW: Final = re.compile(r"\[parameters:|\bDETAIL:")
_TRUSTED_KEYS: Final = frozenset({"level", "timestamp", "logger", "service", "region"})
"""Written by this module alone, on every line."""


class _Process:
    """What every line of this process says about where it comes from."""

    fields: Mapping[str, str] = {}


class _Stdout:
    """Writes lines of our own code, past the standard library's logging: it costs five times as much."""

    def __init__(self, name: str) -> None:
        self.name = name

    def msg(self, line: str) -> None:
        # Looked up each time, because tests and process managers replace it.
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    debug = info = warning = error = critical = msg


class _StdoutHandler(logging.Handler):
    """Writes the lines of libraries."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            _Stdout(record.name).msg(self.format(record))
        except Exception:  # noqa: BLE001 - logging never breaks what it describes
            self.handleError(record)


def configure_logging(service: str, level: str, *, region: str | None = None) -> None:
    """Send all logs of the process to stdout as JSON, uvicorn's and other libraries' included.

    Args:
        service: name of the service, on every line.
        level: least severe level shown, such as `INFO`.
        region: AWS region, on every line when given.
    """
    _Process.fields = {"service": service} | ({"region": region} if region else {})
    structlog.configure(
        processors=[*_FROM_US, *_FOR_ALL, *_TO_JSON],
        logger_factory=_Stdout,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = _StdoutHandler()
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*_FROM_LIBRARIES, *_FOR_ALL, structlog.stdlib.ExtraAdder()],
            processors=[ProcessorFormatter.remove_processors_meta, *_TO_JSON],
        )
    )
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one, _StdoutHandler)]
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    _quieten_libraries()


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a logger whose methods take an event name and key-value pairs: `log.info("order_placed", order_id=...)`."""
    if not structlog.is_configured():
        # In a test or a script: structlog's own default would print on the terminal, slowly.
        structlog.configure(
            processors=[*_FROM_LIBRARIES, *_FOR_ALL, ProcessorFormatter.wrap_for_formatter],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
        )
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def _quieten_libraries() -> None:
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.setLevel(logging.NOTSET)
        library.propagate = True
    # Our own middleware writes the access log, with trace and request ids.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    # One line per outgoing request or poll says nothing that spans and metrics do not.
    for name in ("httpx", "httpcore", "botocore", "aiobotocore", "boto3", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _add_context(_: object, __: str, event: EventDict) -> EventDict:
    event.update(_Process.fields)
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = f"{span.trace_id:032x}"
        event["span_id"] = f"{span.span_id:016x}"
    for key, value in (
        ("request_id", request_id_var.get()),
        ("correlation_id", correlation_id_var.get()),
        ("causation_id", causation_id_var.get()),
    ):
        if value is not None:
            event.setdefault(key, value)
    return event


def _describe_exception(_: object, __: str, event: EventDict) -> EventDict:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = _causes_of(error)
    return event


def _causes_of(error: BaseException) -> list[dict[str, object]]:
    causes: list[dict[str, object]] = []
    current: BaseException | None = error
    while current is not None and len(causes) < _CAUSES:
        frames = traceback.extract_tb(current.__traceback__)[-_FRAMES:]
        causes.append(
            {
                "type": f"{type(current).__module__}.{type(current).__qualname__}",
                "message": _message_of(current),
                "frames": [f"{one.filename}:{one.lineno} {one.name}" for one in frames],
            }
        )
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return causes


def _message_of(error: BaseException) -> str:
    """Return an exception's text without the values that were in hand: those may be anybody's name or address."""
    find_errors = getattr(error, "errors", None)
    if callable(find_errors) and type(error).__name__.endswith("ValidationError"):
        # Pydantic's and FastAPI's, whose text repeats the input.
        found = [one for one in find_errors() if isinstance(one, dict)]
        return "; ".join(f"{one.get('loc')}: {one.get('type')}" for one in found)
    # SQLAlchemy adds the statement's parameters, PostgreSQL the row it could not keep.
    return _VALUES_FOLLOW.split(str(error), maxsplit=1)[0].rstrip()


def _redact(_: object, __: str, event: EventDict) -> EventDict:
    return {
        key: value if key in _TRUSTED_KEYS else redact_member(key, value)
        for key, value in event.items()
    }


def _render(_: object, __: str, event: EventDict) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


_FROM_US: Final[tuple[Processor, ...]] = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
)
_FROM_LIBRARIES: Final[tuple[Processor, ...]] = (
    *_FROM_US,
    structlog.stdlib.PositionalArgumentsFormatter(),
)
_FOR_ALL: Final[tuple[Processor, ...]] = (
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _add_context,
)
_TO_JSON: Final[tuple[Processor, ...]] = (_describe_exception, _redact, _render)
