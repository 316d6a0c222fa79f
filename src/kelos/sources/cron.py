"""A schedule as a source: every tick that is due is an item. Nothing is asked of anybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kelos.api.other_sources import Cron
from kelos.api.work_item import Sighting, Trigger, WorkItem
from kelos.sources.protocol import Listing
from kelos.spawning.cron import due_ticks, key_of_tick, tick_of_key


class CronSource:
    """Ticks later than `since`, as the schedule's policy for missed ones has it, and those that are owed."""

    def __init__(self, cron: Cron, since: datetime, now: datetime, owed: Sequence[str] = ()) -> None:
        self._cron = cron
        self._since = since
        self._now = now
        self._owed = owed

    async def look(self) -> Listing:
        """See Source. Raises UserError for a schedule that makes no sense."""
        due = [key_of_tick(tick) for tick in due_ticks(self._cron, self._since, self._now)]
        keys = dict.fromkeys((*sorted(self._owed), *due))
        return Listing(sightings=tuple(Sighting(key=key) for key in keys))

    async def read(self, sighting: Sighting) -> WorkItem | None:
        """See Source."""
        tick = tick_of_key(sighting.key)
        if tick is None:
            return None
        time = tick.isoformat().replace("+00:00", "Z")
        variables = {
            "ID": sighting.key,
            "Number": 0,
            "Title": time,
            "Body": "",
            "URL": "",
            "Labels": "",
            "Comments": "",
            "Kind": "Issue",
            "Branch": "",
            "ReviewState": "",
            "ReviewComments": "",
            "Time": time,
            "Schedule": self._cron.schedule,
        }
        return WorkItem(key=sighting.key, trigger=Trigger(at=tick), variables=variables)
