"""The Action with its clocks set to run sixty times as fast: an hour of waiting is a minute."""

from __future__ import annotations

import sys

from kelos.action import cancel, limits
from kelos.action.main import main
from kelos.action.news import watch

SCALE = 60

if __name__ == "__main__":
    watch.WATCH_SECONDS = watch.WATCH_SECONDS // SCALE
    watch.RECONNECT_SECONDS = watch.RECONNECT_SECONDS / SCALE
    cancel.RENEWALS_PER_LEASE = cancel.RENEWALS_PER_LEASE * SCALE
    limits.HEARTBEAT_SECONDS = limits.HEARTBEAT_SECONDS / SCALE
    sys.exit(main())
