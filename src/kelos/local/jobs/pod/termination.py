"""What a container says when it ends."""

from __future__ import annotations

FILE_LIMIT_BYTES = 4096
POD_LIMIT_BYTES = 12 * 1024
LOG_LIMIT_BYTES = 2048
LOG_LIMIT_LINES = 80


def reason_of(exit_code: int) -> str:
    return "Completed" if exit_code == 0 else "Error"


def falls_back_to_log(policy: str, exit_code: int, message: bytes) -> bool:
    """Whether the log's end speaks for a container that failed without a word."""
    return policy == "FallbackToLogsOnError" and exit_code != 0 and not message


def message_of(content: bytes) -> str:
    """The end of the termination message file as text."""
    return content[-FILE_LIMIT_BYTES:].decode("utf-8", "replace")


def within_share(message: str, containers: int) -> str:
    """The beginning of a message: all containers of a pod share its room evenly, whether they use it or not."""
    return message.encode()[: POD_LIMIT_BYTES // containers].decode("utf-8", "replace")


def message_of_log(lines: bytes) -> str:
    """The last lines of the log as a message."""
    kept = b"".join(lines.splitlines(keepends=True)[-LOG_LIMIT_LINES:])
    return kept[-LOG_LIMIT_BYTES:].decode("utf-8", "replace")
