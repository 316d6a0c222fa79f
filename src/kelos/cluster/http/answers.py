"""What the API server's answers mean: a Status or a watch line in, one of our errors or a Change out."""

from __future__ import annotations

import json
from typing import Any

from kelos.api.kinds import Manifest
from kelos.cluster.protocol import Change, ChangeType, Page
from kelos.errors import ClusterError, Unavailable, cluster_error

LONGEST_MESSAGE = 2000


def refusal(*, server: str, method: str, path: str, status: int, body: bytes, retry_after: str = "") -> ClusterError:
    """The error for an answer that is no success. A body that is no Status is not quoted: a proxy may echo us."""
    said = _as_status(body)
    message = str(said.get("message") or "")
    if not message:
        message = f"{server} answered {status} to {method} {path}; check that it is the address of an API server"
        if status == 404 and path.startswith("/apis/"):  # so it answers, in plain text, about a group it never heard of
            message += f" that serves {'/'.join(path.split('/')[2:4])}"
    causes = _causes(said)
    if status in (400, 422) and "/secrets" in path:
        # The server quotes the values that it refuses.
        message, causes = f"The Secret sent to {path} is invalid; check {_fields(said) or 'its fields'}", ()
    return cluster_error(
        status,
        message[:LONGEST_MESSAGE],
        reason=str(said.get("reason") or ""),
        causes=causes,
        retry_after_seconds=_seconds(retry_after),
    )


def decoded(body: bytes, *, server: str, method: str, path: str) -> Manifest:
    """The object in a successful answer. Raises Unavailable when it is something else, such as a login page."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Unavailable(
            f"{server} answered {method} {path} with something that is no object; check that it is an API server",
            status=0,
        )
    return value


def page(answer: Manifest, *, api_version: str, kind: str) -> Page:
    """A list as a Page; the items say their kind, which the server leaves out of lists of its own kinds."""
    metadata = answer.get("metadata") or {}
    items = tuple(answer.get("items") or ())
    for item in items:
        item.setdefault("apiVersion", api_version)
        item.setdefault("kind", kind)
    return Page(
        items=items,
        resource_version=str(metadata.get("resourceVersion") or ""),
        more=str(metadata.get("continue") or ""),
    )


def change(line: bytes, *, what: str) -> Change | None:
    """One line of a watch; None for a type that we do not know. An ERROR event raises the error it carries."""
    try:
        event = json.loads(line)
        type_, object_ = event["type"], event["object"]
        if type_ != "ERROR":
            object_["metadata"]["resourceVersion"]
    except (ValueError, TypeError, KeyError):
        raise Unavailable(f"The watch of {what} broke in the middle of an event", status=0) from None
    if type_ == "ERROR":
        said = object_ if isinstance(object_, dict) else {}
        code, message = said.get("code"), said.get("message")
        raise cluster_error(
            code if isinstance(code, int) and code else 500,
            str(message or f"The watch of {what} failed")[:LONGEST_MESSAGE],
            reason=str(said.get("reason") or ""),
        )
    if type_ not in ChangeType.__members__:
        return None
    return Change(type=ChangeType[type_], object=object_)


def _as_status(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) and value.get("kind") == "Status" else {}


def _causes(said: dict[str, Any]) -> tuple[str, ...]:
    told = ((cause.get("field"), str(cause.get("message") or "")) for cause in _cause_list(said))
    return tuple((f"{field}: {message}" if field else message)[:LONGEST_MESSAGE] for field, message in told)


def _fields(said: dict[str, Any]) -> str:
    return ", ".join(str(cause["field"]) for cause in _cause_list(said) if cause.get("field"))


def _cause_list(said: dict[str, Any]) -> list[dict[str, Any]]:
    details = said.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return [cause for cause in causes or [] if isinstance(cause, dict)]


def _seconds(retry_after: str) -> float | None:
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
