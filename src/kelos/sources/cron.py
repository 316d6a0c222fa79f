"""A schedule as a source: every tick that is due is an item. Nothing is asked of anybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kelos.api.other_sources import Cron
from kelos.api.work_item import Sighting, Trigger, WorkItem
from kelos.sources.protocol import Listing
from kelos.spawning.cron import due_ticks, key_of_tick, tick_of_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What a schedule must know to look: up to where ticks were handled, and which earlier ones still need a Task."""

    now: datetime
    since: datetime
    owed: tuple[str, ...] = ()


class CronSource:
    """Ticks that were not handled, as the policy for missed ones has it, and those that are owed."""

    def __init__(self, cron: Cron, schedule: Schedule) -> None:
        self._cron = cron
        self._schedule = schedule

    async def look(self) -> Listing:
        """See Source. Raises UserError for a schedule that makes no sense."""
        schedule = self._schedule
        due = [key_of_tick(tick) for tick in due_ticks(self._cron, schedule.since, schedule.now)]
        keys = dict.fromkeys((*sorted(schedule.owed), *due))
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
