"""Every error we raise on purpose, as one tree.

KelosError
├── UserError           a person can fix it: becomes a status or an exit code, rests until something changes
├── ClusterError        the Kubernetes API said no, or nothing: the pass ends and is tried again
│   ├── Unauthorized    401
│   ├── Forbidden       403
│   ├── NotFound        404
│   ├── AlreadyExists   409 on create
│   ├── Conflict        409: look again
│   ├── Gone            410: list again
│   ├── Invalid         400, 422: the object is wrong; `causes` names the fields
│   ├── TooManyRequests 429: `retry_after_seconds`
│   └── Unavailable     408, 5xx, reset, timed out: the request may have counted
│       └── Unreached   nobody to send it to: it cannot have counted
└── RemoteError         a system that is not the cluster
    ├── RateLimited     `retry_at`
    └── TokenUnavailable   GitHub gave no token: `retry_in_seconds`
"""

from __future__ import annotations

from datetime import datetime


class KelosError(Exception):
    """Anything raised on purpose."""


class UserError(KelosError):
    """A mistake a person can fix; the text names the object and the remedy."""


class ClusterError(KelosError):
    """The Kubernetes API refused or did not answer. `status` is the HTTP code, 0 when there was none."""

    default_status = 0

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        reason: str = "",
        causes: tuple[str, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = self.default_status if status is None else status
        self.reason = reason
        self.causes = causes
        self.retry_after_seconds = retry_after_seconds

    def at(self, where: str) -> ClusterError:
        """The same, said about a place that the cluster does not know of."""
        return type(self)(
            f"{where}: {self}",
            status=self.status,
            reason=self.reason,
            causes=self.causes,
            retry_after_seconds=self.retry_after_seconds,
        )


class Unauthorized(ClusterError):
    default_status = 401


class Forbidden(ClusterError):
    default_status = 403


class NotFound(ClusterError):
    default_status = 404


class AlreadyExists(ClusterError):
    default_status = 409


class Conflict(ClusterError):
    default_status = 409


class Gone(ClusterError):
    default_status = 410


class Invalid(ClusterError):
    default_status = 422


class TooManyRequests(ClusterError):
    default_status = 429


class Unavailable(ClusterError):
    default_status = 503


class Unreached(Unavailable):
    default_status = 0


class RemoteError(KelosError):
    """A system outside the cluster failed."""


class RateLimited(RemoteError):
    """The remote asks us to wait until `retry_at`."""

    def __init__(self, message: str, *, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class TokenUnavailable(RemoteError):
    """No installation token can be had; asking again makes sense in `retry_in_seconds`."""

    def __init__(self, message: str, *, retry_in_seconds: float) -> None:
        super().__init__(message)
        self.retry_in_seconds = retry_in_seconds


UNDECLARED = "field not declared in schema"


def cluster_error(
    status: int,
    message: str,
    *,
    reason: str = "",
    causes: tuple[str, ...] = (),
    retry_after_seconds: float | None = None,
) -> ClusterError:
    """The right class for an HTTP status and the `reason` of a Kubernetes Status object."""
    kind: type[ClusterError]
    if reason == "AlreadyExists":
        kind = AlreadyExists
    elif reason == "Expired" or status == 410:
        kind = Gone
    elif status == 500 and UNDECLARED in message:
        kind = Invalid  # server-side apply of a field that the kind does not have
    elif status >= 500 or status == 408:
        kind = Unavailable
    else:
        kind = {
            400: Invalid,
            401: Unauthorized,
            403: Forbidden,
            404: NotFound,
            409: Conflict,
            422: Invalid,
            429: TooManyRequests,
        }.get(status, ClusterError)
    return kind(message, status=status, reason=reason, causes=causes, retry_after_seconds=retry_after_seconds)
