"""Log lines as JSON objects, ours and those of libraries alike."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

LEVELS = ("debug", "info", "warning", "error")
INDISCREET = ("celpy",)
"""Libraries that print whole objects at level debug: prompts, and addresses with passwords in them."""

_KNOWN_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "_record", "_from_structlog"}


def configure_logs(*, level: str = "info", as_json: bool = True, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (stderr): one JSON object each, or text for a terminal."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_extra_fields,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=_traceback)]
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in INDISCREET:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _traceback(stream: TextIO, exc_info: ExcInfo) -> None:
    """Without values: where `rich` is installed the default shows the variables of every frame, Secrets included."""
    structlog.dev.plain_traceback(stream, exc_info)


def _add_extra_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """What a standard logger was given as `extra` are fields like ours."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event.update((name, value) for name, value in record.__dict__.items() if name not in _KNOWN_FIELDS)
    return event
