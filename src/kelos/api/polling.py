"""How often a source is asked: a duration as Go writes it, or a bare number of seconds."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from kelos.api.checks import duration_seconds
from kelos.api.meta import rules
from kelos.errors import UserError

DEFAULT_SECONDS = 300
MINIMUM_SECONDS = 10
MAXIMUM_SECONDS = 365 * 24 * 3600

# Digits are counted so that neither the number nor the duration overflows; both bounds are then compared.
_NUMBER = "[0-9]{1,9}"
_DURATION = r"([0-9]{1,6}([.][0-9]{1,3})?(h|ms|m|s))+"
_ALLOWED = f"must be a duration such as 30s, 5m or 1h30m, from {MINIMUM_SECONDS}s to {MAXIMUM_SECONDS // 3600}h"
_RULE = (
    f"self == '' || (self.matches('^{_NUMBER}$') ? int(self) >= {MINIMUM_SECONDS} && int(self) <= {MAXIMUM_SECONDS}"
    f" : self.matches('^{_DURATION}$') && duration(self) >= duration('{MINIMUM_SECONDS}s')"
    f" && duration(self) <= duration('{MAXIMUM_SECONDS}s'))"
)

PollInterval = Annotated[str, Field(max_length=20, json_schema_extra=rules((_RULE, _ALLOWED)))]


def poll_seconds(text: str) -> int:
    """`5m`, `1h30m` or `300` as seconds; 300 when nothing is said. Raises UserError for what admission refuses."""
    if not text:
        return DEFAULT_SECONDS
    if re.fullmatch(_NUMBER, text):
        seconds = int(text)
    elif re.fullmatch(_DURATION, text):
        seconds = duration_seconds(text, "pollInterval")
    else:
        seconds = 0
    if not MINIMUM_SECONDS <= seconds <= MAXIMUM_SECONDS:
        raise UserError(f"pollInterval {_ALLOWED}")
    return seconds
