"""An end of the runner's own making, before or instead of the agent's."""

from __future__ import annotations

from kelos.api.reasons import Reason, exit_code_of
from kelos.errors import UserError


class Failure(UserError):
    """Carries the reason for the outcome; `exit_code` is the reserved one unless somebody else's counts."""

    def __init__(self, reason: Reason, message: str, *, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.exit_code = exit_code_of(reason) if exit_code is None else exit_code
