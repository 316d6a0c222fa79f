"""What the simulation of spawners is worth: each planted bug breaks the law that it should, within few schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest

from kelos.api.work_item import Trigger
from kelos.controllers.task_spawner import maker, passes
from kelos.plan import Patch
from kelos.spawning import choose, housekeeping, room, view
from kelos.spawning.ledger import writing
from simulation.scenario import Fault
from simulation.spawning.generator import ASKED, THEMES, generate
from simulation.spawning.script import Deed, Script
from simulation.spawning.stage import play

MOST_SCHEDULES = 100
Plant = Callable[[pytest.MonkeyPatch], None]
BUGS: dict[str, tuple[str, Iterable[Script], Plant]] = {}


def scripts_of(theme: str, likely: int) -> Iterator[Script]:
    """The seed that found it last time, then others of the theme: the bug shall be found, not the seed."""
    number = [*THEMES].index(theme)
    seeds = (likely, *range(number, MOST_SCHEDULES * len(THEMES), len(THEMES)))
    return (generate(seed) for seed in seeds)


def bug(
    law: str, *, theme: str = "anything", likely: int = 0, script: Script | None = None
) -> Callable[[Plant], Plant]:
    """Register a bug under its function's name, to be seen in schedules of a theme, or in this one."""

    def note(plant: Plant) -> Plant:
        BUGS[plant.__name__] = (law, scripts_of(theme, likely) if script is None else (script,), plant)
        return plant

    return note


@bug("happens once", theme="leaders", likely=633)
def claims_without_comparing(patch):
    """Whoever writes last has claimed."""

    def careless(read, changes, **options):
        steps = original(read, changes, **options)
        return tuple(
            replace(step, body={"data": step.body["data"]}) if isinstance(step, Patch) else step for step in steps
        )

    original = maker.record
    patch.setattr(maker, "record", careless)


@bug("happens once")
def lets_a_task_go_before_it_is_noted(patch):
    """A Task that ends and expires at once is forgotten, and made again."""

    def release_first(seen):
        chores = original(seen)
        unnoted = [task for task in seen.tasks if task.is_unnoted]
        if unnoted and chores.changes.entries:
            drops = tuple(housekeeping._drop(seen.spawner.meta.namespace, task) for task in unnoted)
            return housekeeping.Chores(changes=writing.Changes(), after=drops)
        return replace(chores, changes=replace(chores.changes, entries=()))

    original = passes.housekeeping
    patch.setattr(passes, "housekeeping", release_first)


@bug("happens once", theme="leaders", likely=221)
def keeps_a_task_that_came_too_late(patch):
    patch.setattr(
        housekeeping, "_let_go", lambda seen, task, entry: [housekeeping._drop(seen.spawner.meta.namespace, task)]
    )


@bug("loses nothing", theme="deaths", likely=2)
def notes_a_claim_before_its_task_is_there(patch):
    def hasty(read, changes, **options):
        entries = tuple(writing.Entry(key=c.key, mark="", trigger=c.trigger) for c in changes.claims)
        return original(read, replace(changes, claims=(), entries=entries), **options)

    original = maker.record
    patch.setattr(maker, "record", hasty)


@bug("loses nothing", theme="deaths", likely=6)
def forgets_claims_of_those_that_died(patch):
    patch.setattr(choose, "_interrupted", lambda view: iter(()))


@bug("loses nothing", likely=80)
def compares_with_now_instead_of_the_last_trigger(patch):
    """A comment made while the Task runs is older than the Task's end."""

    def made(claim, uid):
        entry = original(claim, uid)
        return replace(entry, trigger=Trigger(key=entry.trigger.key, at=entry.trigger.at and late(entry.trigger.at)))

    def late(at):
        return at.replace(year=at.year + 1)

    original = housekeeping.made
    patch.setattr(housekeeping, "made", made)


@bug("loses nothing", likely=80)
def does_not_look_at_what_changed(patch):
    patch.setattr(choose, "hears_again", lambda spec: False)


LAGGING = Script(
    seed=1,
    deeds=(
        Deed(at=0.0, do="create spawner", name="s", detail={"when": ASKED}),
        Deed(at=1.0, do="open", name="1"),
        Deed(at=30.0, do="ask", name="1"),
    ),
    faults=(Fault(at=0.0, until=100.0, what="tracker lags", amount=8.0),),
)
"""A comment that the listing shows some seconds before anybody can read it."""


@bug("loses nothing", script=LAGGING)
def reads_a_change_only_once(patch):
    patch.setattr(view, "READS", 1)


@bug("loses nothing", likely=28)
def moves_its_watermark_past_what_was_not_claimed(patch):
    def record(read, changes, **options):
        return original(read, replace(changes, watermark="29990101-0000" if changes.watermark else ""), **options)

    original = maker.record
    patch.setattr(maker, "record", record)


REFUSED = Script(
    seed=2,
    deeds=(
        Deed(
            at=0.0,
            do="create spawner",
            name="s",
            detail={"when": {"cron": {"schedule": "* * * * *", "missedRuns": "All"}}},
        ),
    ),
    faults=(Fault(at=50.0, until=90.0, what="quota is spent", amount=1.0),),
)
"""A tick in a minute in which the cluster takes no Tasks."""


@bug("loses nothing", script=REFUSED)
def gives_up_a_tick_that_was_refused(patch):
    """Its place in the schedule was passed when it was claimed."""
    patch.setattr(housekeeping, "watermark_before", lambda view, released: "")


@bug("keeps its limits", likely=8)
def counts_only_tasks_that_are_there(patch):
    def room_of(view):
        limit = view.spawner.spec.total_limit
        return max(0, limit - len(view.tasks)) if limit is not None else original(view)

    original = room.room_of
    patch.setattr(choose, "room_of", room_of)
    patch.setattr(maker, "room_of", room_of)


@bug("keeps its limits", likely=292)
def tries_again_without_end(patch):
    def retry_at(entry, spec):
        return entry.failed_at if spec.retry_policy.max_retries else None

    patch.setattr(choose, "retry_at", retry_at)
    patch.setattr(housekeeping, "retry_at", retry_at)


@bug("leaves nothing behind")
def never_lets_go(patch):
    patch.setattr(housekeeping, "_let_go", lambda seen, task, entry: [])


@bug("does not break")
def stumbles_over_an_item_without_a_wish(patch):
    patch.setattr(choose, "_rank", lambda seen, sighting: 1 // len(seen.spawner.spec.when.source.priority_labels))


def breaks(law: str, script: Script) -> bool:
    return any(violation.law == law for violation in play(script).violations)


@pytest.mark.parametrize("script", [LAGGING, REFUSED], ids=["lagging", "refused"])
def test_the_same_schedule_comes_right_without_a_bug(script):
    assert () == play(script).violations


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught(name, monkeypatch):
    """Without this nobody knows whether green schedules mean anything."""
    law, scripts, plant = BUGS[name]
    plant(monkeypatch)

    assert any(breaks(law, script) for script in scripts)
