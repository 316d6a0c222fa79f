"""The ways in which the server says no: each becomes a Status object over HTTP and a ClusterError in process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from kelos.api.kinds import Kind, Manifest
from kelos.errors import ClusterError, KelosError, cluster_error


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One field that is wrong, and why."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


class Refusal(KelosError):
    """A request that was not obeyed; `details` are those of a Status object."""

    def __init__(self, code: HTTPStatus, reason: str, message: str, details: Manifest | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = details or {}

    @property
    def message(self) -> str:
        return str(self)

    def status(self) -> Manifest:
        """The answer's body."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            **({"details": self.details} if self.details else {}),
            "code": int(self.code),
        }

    def as_cluster_error(self) -> ClusterError:
        """The same for callers in this process."""
        causes = tuple(f"{cause.get('field', '')}: {cause['message']}" for cause in self.details.get("causes", ()))
        return cluster_error(
            int(self.code),
            self.message,
            reason=self.reason,
            causes=causes,
            retry_after_seconds=self.details.get("retryAfterSeconds"),
        )


def _about(kind: Kind, name: str) -> Manifest:
    return {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}


def _plural(kind: Kind) -> str:
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def not_found(kind: Kind, name: str) -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "NotFound", f'{_plural(kind)} "{name}" not found', _about(kind, name))


def unknown_path() -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "NotFound", "the server could not find the requested resource")


def already_exists(kind: Kind, name: str) -> Refusal:
    text = f'{_plural(kind)} "{name}" already exists'
    return Refusal(HTTPStatus.CONFLICT, "AlreadyExists", text, _about(kind, name))


def conflict(kind: Kind, name: str, why: str) -> Refusal:
    details = _about(kind, name)
    text = f'Operation cannot be fulfilled on {_plural(kind)} "{name}": {why}'
    return Refusal(HTTPStatus.CONFLICT, "Conflict", text, details)


def disputed(text: str, causes: Sequence[Cause]) -> Refusal:
    return Refusal(HTTPStatus.CONFLICT, "Conflict", text, {"causes": _causes(causes)})


def modified(kind: Kind, name: str) -> Refusal:
    return conflict(kind, name, "the object has changed since it was read; read it again and repeat the change")


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> Refusal:
    subject = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    said = [f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in causes]
    text = said[0] if len(said) == 1 else f"[{', '.join(said)}]"
    details = {**_about(kind, name), "kind": kind.kind, "causes": _causes(causes)}
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", f'{subject} "{name}" is invalid: {text}', details)


def invalid_options(options: str, cause: Cause) -> Refusal:
    text = f'{options}.meta.k8s.io "" is invalid: {cause.field}: {cause.message}'
    details = {"group": "meta.k8s.io", "kind": options, "causes": _causes([cause])}
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", text, details)


def bad_request(text: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "BadRequest", text)


def forbidden(kind: Kind, name: str, why: str, causes: Sequence[Cause] = ()) -> Refusal:
    details = {**_about(kind, name), **({"causes": _causes(causes)} if causes else {})}
    return Refusal(HTTPStatus.FORBIDDEN, "Forbidden", f'{_plural(kind)} "{name}" is forbidden: {why}', details)


def unauthorized() -> Refusal:
    return Refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized: send the bearer token of the kubeconfig")


def expired(text: str) -> Refusal:
    return Refusal(HTTPStatus.GONE, "Expired", text)


def too_large_version(asked: int, current: int) -> Refusal:
    text = f"the resource version {asked} is not reached yet: the server is at {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    details = {"causes": [cause], "retryAfterSeconds": 1}
    return Refusal(HTTPStatus.GATEWAY_TIMEOUT, "Timeout", text, details)


def internal_error() -> Refusal:
    text = "the server made a mistake; its log has the details"
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", text)


def method_not_allowed() -> Refusal:
    text = "the server does not allow this method on the requested resource"
    return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", text)


def unsupported_media_type(given: str, accepted: Sequence[str]) -> Refusal:
    text = f"a body of type '{given}' is not understood here; send one of: {', '.join(accepted)}"
    return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", text)


def not_acceptable(accepted: Sequence[str]) -> Refusal:
    text = f"none of the accepted media types can be served; accept one of: {', '.join(accepted)}"
    return Refusal(HTTPStatus.NOT_ACCEPTABLE, "NotAcceptable", text)


def too_large(limit_bytes: int) -> Refusal:
    text = f"the body is larger than {limit_bytes} bytes"
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestEntityTooLarge", text)


def _causes(causes: Sequence[Cause]) -> list[Manifest]:
    return [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
