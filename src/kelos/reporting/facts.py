"""What a report tells of a Task beyond its state, as short texts that are safe in Markdown."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from kelos.api.repository import is_of_github
from kelos.reporting.subject import State, Subject
from kelos.reporting.text import in_code, link_to_pull

MESSAGE_LIMIT = 300
DELETED = "Deleted"
DELETED_MESSAGE = "The Task was deleted before it ended"


def sentence(subject: Subject) -> str:
    """The Task and its state; the words of the reference."""
    name = in_code(subject.name)
    match subject.state:
        case State.SUCCEEDED:
            return f"Task {name} has **succeeded**. ✅"
        case State.FAILED:
            return f"Task {name} has **failed**. ❌"
        case _:
            return f"Task {name} has been **accepted** and is being processed."


def facts(subject: Subject) -> list[str]:
    """Lines of a list: why, how long, how much, where; only what is known."""
    state = subject.state
    found = [("Reason", why(subject)), ("What to try", in_code(subject.advice, MESSAGE_LIMIT))]
    found = found if state is State.FAILED else []
    if state is not None and state.is_final:
        found += [("Duration", duration(subject)), ("Cost", cost(subject))]
    found += [("Branch", in_code(subject.branch)), ("Pull request", pull_request(subject))]
    return [f"- **{word}:** {text}" for word, text in found if text]


def why(subject: Subject) -> str:
    """The reason in one word, and the sentence that goes with it."""
    was_cut_off = subject.phase is None or not subject.phase.is_terminal
    reason, message = (DELETED, DELETED_MESSAGE) if was_cut_off else (subject.reason, subject.message)
    return ": ".join(filter(None, (in_code(reason), in_code(message, MESSAGE_LIMIT))))


def duration(subject: Subject) -> str:
    """From the agent's start to the Task's end, as people say it; empty when it never started."""
    if subject.started_at is None or subject.ended_at is None or subject.ended_at < subject.started_at:
        return ""
    return spoken(subject.ended_at - subject.started_at)


def spoken(time: timedelta) -> str:
    """The two largest units that count."""
    seconds = int(time.total_seconds())
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def cost(subject: Subject) -> str:
    """US dollars, to the cent where there are cents. No dollar sign: two of them are a formula at GitHub."""
    try:
        amount = Decimal(subject.cost)
    except InvalidOperation:
        return ""
    if not amount.is_finite() or not 0 < amount < 1_000_000_000:
        return ""
    return f"{amount:.2f} USD" if amount >= Decimal("0.01") else "less than 0.01 USD"


def pull_request(subject: Subject) -> str:
    """A link to where the Task may open pull requests, code when the agent names another place."""
    ours = (subject.target.repository, subject.upstream)
    return link_to_pull(
        subject.pull_request, web_host(subject.target.api_url), frozenset(name.lower() for name in ours if name)
    )


def web_host(api_url: str) -> str:
    """Where people see what is at that API."""
    try:
        host = urlsplit(api_url).netloc.lower()
    except ValueError:
        return ""
    plain = host.removeprefix("api.")
    return plain if is_of_github(plain) else host
