"""Log lines as JSON objects, ours and those of libraries alike. Text from outside is one line and no secret."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS = ("debug", "info", "warning", "error")
INDISCREET = ("celpy", "httpx", "httpcore")
"""Libraries that print whole objects or every address they ask: prompts, and passwords and keys in addresses."""

_SECRETS = (
    (re.compile(r"(?<=://)[^/\s@\"']+(?=@)"), "***"),
    (re.compile(r"(?i)\b(bearer|basic|token) +[A-Za-z0-9+/=._~-]{20,}"), r"\1 ***"),
    (re.compile(r"\b(?:gh[opsur]_|github_pat_|glpat-|sk-|xox[abp]-|AIza)[A-Za-z0-9_-]{8,}"), "***"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"), "***"),
)
"""What looks like a login in an address or like a token. Nobody means to log one; an error's text may quote one."""

_KNOWN_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "_record", "_from_structlog"}


@contextmanager
def one_pass(**fields: object) -> Iterator[None]:
    """Every line until the end of the block, of this task and those it starts, carries one new id and these fields."""
    with structlog.contextvars.bound_contextvars(reconcile_id=secrets.token_hex(4), **fields):
        yield


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
        [structlog.processors.format_exc_info, _without_secrets, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.processors.format_exc_info, _without_secrets, _as_text]
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


def _without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {name: _clean(value) for name, value in event.items()}


def _clean(value: object) -> object:
    """As JSON types, with every text cleared."""
    if isinstance(value, dict):
        return {_clean(str(name)): _clean(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(inner) for inner in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = str(value)
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _as_text(_: WrappedLogger, __: str, event: EventDict) -> str:
    """`time level sentence field=value …` for a terminal, which no text from outside may steer; a traceback below."""
    trace = event.pop("exception", "")
    head = [str(event.pop(name, "")) for name in ("timestamp", "level", "event")]
    event.pop("logger", None)
    fields = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in event.items()]
    lines = [" ".join([*head, *fields]), *str(trace).splitlines()]
    return "\n    ".join(_printable(line) for line in lines)


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _add_extra_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """What a standard logger was given as `extra` are fields like ours."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event.update((name, value) for name, value in record.__dict__.items() if name not in _KNOWN_FIELDS)
    return event
