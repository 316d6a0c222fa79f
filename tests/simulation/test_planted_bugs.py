"""What the simulation is worth: each planted bug breaks the law that it should, within few schedules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from kelos import apply as steps
from kelos.api.kinds import JOB, SECRET
from kelos.api.outcome import Outcome, Usage
from kelos.api.reasons import Phase
from kelos.cluster.watch import Cache
from kelos.controllers import lock_view, start_view, task_caches, task_view
from kelos.controllers import task as controller
from kelos.controllers.client_leases import ClientLeases
from kelos.controllers.lock_view import LockReader
from kelos.controllers.start_view import StartReader
from kelos.plan import Plan, SetStatus
from kelos.pods import job
from kelos.tasks import blockers, dependencies, finish, follow, start, stop
from kelos.tasks import plan as plans
from kelos.tasks.evidence import attempts
from kelos.tasks.evidence.diagnosis import Diagnosis
from kelos.tasks.evidence.facts import PodFacts
from kelos.tasks.held import locks, token
from kelos.tasks.view import Scope
from simulation import desk
from simulation.generator import THEMES, generate
from simulation.outside import Script
from simulation.scenario import Deed, Fault, Scenario, Wish
from simulation.schedule import play
from simulation.shrink import shrink

MOST_SCHEDULES = 400
Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """`law` must be seen to be broken, in schedules of this theme, or in this one when chance meets it too rarely."""

    law: str
    theme: str
    scenario: Scenario | None
    plant: Plant


BUGS: dict[str, Bug] = {}


def bug(law: str, *, theme: str = "anything", scenario: Scenario | None = None) -> Callable[[Plant], Plant]:
    """Register a bug under its function's name."""

    def note(plant: Plant) -> Plant:
        BUGS[plant.__name__] = Bug(law=law, theme=theme, scenario=scenario, plant=plant)
        return plant

    return note


@bug("has its branch alone", theme="branches")
def takes_a_lock_that_is_held(patch):
    patch.setattr(locks, "holder_of", lambda lock: "")
    patch.setattr(start_view, "holder_of", lambda lock: "")


ON_DISK = Wish(spec={"workspaceRef": {"name": "disk"}})
TWO_ON_A_DISK = Scenario(
    seed=1,
    deeds=(
        Deed(at=0.0, do="bring", name="app"),
        Deed(at=0.0, do="bring", name="disk"),
        Deed(at=1.0, do="create", name="a", wish=ON_DISK),
        Deed(at=1.0, do="create", name="b", wish=ON_DISK),
    ),
)


@bug("has its Workspace alone", scenario=TWO_ON_A_DISK)
def shares_a_persistent_workspace(patch):
    def wanted_locks(task, workspace):
        return tuple(lock for lock in original(task, workspace) if lock.scope is Scope.BRANCH)

    original = locks.wanted_locks
    for module in (lock_view, blockers):
        patch.setattr(module, "wanted_locks", wanted_locks)


@bug("has its token", scenario=TWO_ON_A_DISK)
def starts_before_it_has_a_token(patch):
    patch.setattr(start, "needs_mint", lambda view: False)
    patch.setattr(follow, "with_renewal", lambda view, decided: decided)


@bug("has its token", scenario=TWO_ON_A_DISK)
def takes_any_token_for_a_fresh_one(patch):
    patch.setattr(desk, "LIFE", timedelta(seconds=1))
    patch.setattr(token, "seconds_left", lambda view: 1.0)


@bug("tells no secret", scenario=TWO_ON_A_DISK)
def writes_its_token_where_people_read(patch):
    async def told(step, cluster):
        meta = step.manifest["metadata"]
        secret = await cluster.get(SECRET, meta["namespace"], f"{meta['name']}-github-token")
        meta["annotations"]["token"] = secret["data"]["GITHUB_TOKEN"]
        await cluster.create(step.kind, step.manifest)

    async def create(step, cluster):
        await (told if step.kind is JOB else original)(step, cluster)

    original = steps._create
    patch.setattr(steps, "_create", create)


ON_X = {"branch": "x", "workspaceRef": {"name": "repo"}}
UNSEEN_POD = Scenario(
    seed=1,
    deeds=(
        Deed(at=0.0, do="bring", name="repo"),
        Deed(at=1.0, do="create", name="a", wish=Wish(spec=ON_X, scripts=(Script(runs_for=None, ends_after=15.0),))),
        Deed(at=5.0, do="create", name="b", wish=Wish(spec=ON_X)),
        Deed(at=20.0, do="remove", name="a"),
    ),
    faults=(Fault(at=0.5, until=60.0, what="frozen cache", kind="Pod", amount=1.0),),
)
"""A Task is deleted, and its lock with it, while its agent still ends; the next one has never heard of that agent."""


PAID = Outcome(usage=Usage(cost_usd="0.25"))
SECOND_JOB = Scenario(
    seed=3,
    deeds=(
        Deed(at=1.0, do="create", name="a", wish=Wish(scripts=(Script(runs_for=None, when_told=PAID),) * 2)),
        Deed(at=14.0, do="remove job", name="a"),
        Deed(at=25.0, do="cancel", name="a"),
    ),
    faults=(
        Fault(at=0.5, until=15.0, what="sleeper", amount=1.0),
        Fault(at=0.5, until=24.0, what="frozen cache", kind="Pod", amount=1.0),
    ),
)
"""The request of a controller that fell asleep arrives when the Job is gone that another one had made."""


@bug("loses no outcome", scenario=SECOND_JOB)
def knows_only_the_pods_of_the_job_that_is_there(patch):
    def made_by(job, owns_job, pods):
        there = original(job, owns_job, pods)
        return there if job is None else tuple(pod for pod in there if pod.job_uid == job.uid)

    original = task_view._made_by
    patch.setattr(task_view, "_made_by", made_by)


@bug("is honest", scenario=replace(SECOND_JOB, deeds=SECOND_JOB.deeds[:2]))
def follows_whatever_job_there_is(patch):
    patch.setattr(stop, "REQUESTS", tuple(r for r in stop.REQUESTS if r is not stop.second_job))


@bug("has its branch alone", scenario=UNSEEN_POD)
def believes_its_cache_about_a_lock(patch):
    async def fresh(self, view):
        return self.cached(view)

    patch.setattr(LockReader, "fresh", fresh)


@bug("loses no outcome", theme="branches")
def takes_a_pod_that_was_told_to_end_for_one_that_has(patch):
    patch.setattr(
        PodFacts, "is_over", property(lambda pod: pod.phase in ("Succeeded", "Failed") or pod.is_being_deleted)
    )


DELETED_JOB = Scenario(
    seed=1,
    deeds=(
        Deed(at=1.0, do="create", name="a", wish=Wish(scripts=(Script(runs_for=60.0, ends_after=15.0),))),
        Deed(at=10.0, do="remove job", name="a"),
    ),
)


@bug("runs once", scenario=DELETED_JOB)
def starts_again_when_the_job_is_gone(patch):
    def plan(view):
        if view.task.is_being_deleted or view.task.is_finished or view.owns_job:
            return original(view)
        return start.start_or_hold(view)

    original = plans._plan
    patch.setattr(plans, "_plan", plan)
    patch.setattr(stop, "REQUESTS", tuple(r for r in stop.REQUESTS if r is not stop.second_job))


KEYED = {"type": "claude-code", "credentials": {"type": "api-key", "secretRef": {"name": "key"}}}
RUN_BY_THE_OTHER = Scenario(
    seed=1,
    deeds=(
        Deed(at=1.0, do="create", name="a", wish=Wish(spec=KEYED)),
        Deed(at=6.0, do="bring", name="key"),
        Deed(at=40.0, do="remove job", name="a"),
    ),
    faults=(
        Fault(at=2.0, until=80.0, what="twin"),
        Fault(at=39.0, until=39.0, what="crash"),
        Fault(at=4.0, until=80.0, what="frozen cache", kind="Task", amount=1.0),
    ),
)
"""A controller still sees a Task that waits when another one has run it and died, and its Job is gone."""


@bug("runs once", scenario=RUN_BY_THE_OTHER)
def believes_its_cache_about_a_task(patch):
    async def about_to_start(self, view):
        return replace(await original(self, view), task=view.task, status=view.status)

    original = StartReader.about_to_start
    patch.setattr(StartReader, "about_to_start", about_to_start)


@bug("runs once", theme="retries")
def repeats_an_agent_without_end(patch):
    patch.setattr(stop, "REQUESTS", tuple(r for r in stop.REQUESTS if r is not stop.spent_retries))
    patch.setattr(job, "backoff_limit", lambda task, settings: 100)


@bug("loses no outcome", theme="branches")
def lets_go_of_pods_before_their_outcome_is_written(patch):
    apart = (plans.follow,)

    def hasty(view):
        decided = apart[0](view)
        return replace(decided, steps=tuple(sorted(decided.steps, key=lambda step: isinstance(step, SetStatus))))

    patch.setattr(plans, "follow", hasty)


@bug("loses no outcome", theme="retries")
def counts_only_the_newest_attempt(patch):
    original = finish.total_usage
    patch.setattr(finish, "total_usage", lambda entries: original(entries[-1:]))


@bug("loses no outcome", theme="late ends")
def forgets_what_ended_late(patch):
    patch.setattr(finish, "_with_late_attempts", lambda view: dict(view.status))


@bug("is honest")
def names_the_job_before_it_is_there(patch):
    def early(view):
        decided = original(view)
        return replace(decided, steps=tuple(sorted(decided.steps, key=lambda step: not isinstance(step, SetStatus))))

    original = start._start
    patch.setattr(start, "_start", early)


@bug("is honest")
def calls_every_end_a_success(patch):
    patch.setattr(attempts, "why_ended", lambda end: Diagnosis(reason=None, message="well"))


@bug("is honest", theme="clients")
def counts_a_lease_from_before_its_own_start(patch):
    def silence(self, task):
        known = original(self, task)
        return known if known is None or known > 0 else 1000.0

    original = ClientLeases.silence
    patch.setattr(ClientLeases, "silence", silence)


@bug("is honest", theme="clients")
def counts_an_outage_as_silence_of_the_client(patch):
    patch.setattr(ClientLeases, "start_afresh", lambda self, task: None)
    patch.setattr(Cache, "in_touch_since", lambda self: 0.0)


@bug("comes to an end", theme="late ends")
def does_not_hear_a_cancel(patch):
    patch.setattr(stop, "cancel_request", lambda view: None)
    patch.setattr(stop, "REQUESTS", tuple(r for r in stop.REQUESTS if r.__name__ != "cancel_request"))


@bug("comes to an end", theme="clients")
def does_not_miss_a_client(patch):
    patch.setattr(stop, "lapsed_lease", lambda view: None)
    patch.setattr(stop, "REQUESTS", tuple(r for r in stop.REQUESTS if r.__name__ != "lapsed_lease"))


@bug("comes to an end", theme="chains")
def wakes_nobody_who_waits(patch):
    patch.setattr(task_caches, "_concerned_by_task", lambda *_: ())
    patch.setattr(start, "SAFETY_LOOK_SECONDS", 10_000.0)
    patch.setattr(controller, "RESYNC_SECONDS", 10_000.0)


@bug("leaves nothing behind", theme="branches")
def keeps_its_lock_for_ever(patch):
    original = finish._releases
    patch.setattr(finish, "_releases", lambda view, reason: original(replace(view, held=()), reason))


@bug("waits for others", theme="chains")
def does_not_wait_for_what_it_depends_on(patch):
    patch.setattr(dependencies, "unfinished", lambda view: ())


@bug("leaves nothing behind")
def leaves_the_pods_of_a_deleted_task(patch):
    patch.setattr(controller, "plan_leftovers", lambda leftovers, now: Plan())


@bug("leaves nothing behind", theme="sleepers")
def leaves_a_job_that_came_too_late(patch):
    patch.setattr(finish, "_stray_job", lambda view: ())


@bug("leaves nothing behind")
def makes_a_secret_that_nobody_owns(patch):
    def orphan(inputs, task, labels, owner):
        made = original(inputs, task, labels, owner)
        if made is not None:
            made["metadata"].pop("ownerReferences")
        return made

    original = job.build_secret
    patch.setattr(job, "build_secret", orphan)


@bug("writes little")
def writes_the_time_into_every_status(patch):
    def restless(view, phase, reason, message, **fields):
        return original(view, phase, reason, f"{message} ({view.now:%H:%M:%S})", **fields)

    original = follow.in_phase
    patch.setattr(follow, "in_phase", restless)
    patch.setattr(start, "in_phase", restless)
    patch.setattr(start, "SAFETY_LOOK_SECONDS", 2.0)


@bug("rests after its end")
def judges_a_finished_task_again(patch):
    def plan(view):
        return follow.follow(view) if view.task.is_finished and view.owns_job else original(view)

    original = plans._plan
    patch.setattr(plans, "_plan", plan)


@bug("tells no secret")
def tells_which_key_it_uses(patch):
    keys: dict[str, Any] = {}

    async def inputs(self, view):
        found = await self.cluster.get(start_view.SECRET, view.task.meta.namespace, "key")
        keys.update(found["data"])
        return await original(self, view)

    def tell(view, *rest):
        return original_tell(view, *rest[:-1], f"{rest[-1]} {keys}")

    original, original_tell = StartReader._with_inputs, start.tell
    patch.setattr(StartReader, "_with_inputs", inputs)
    patch.setattr(start, "tell", tell)


KEPT_RESULTS = Scenario(
    seed=1,
    deeds=(
        Deed(at=0.0, do="create", name="a", wish=Wish(spec={"ttlSecondsAfterFinished": 0})),
        Deed(at=0.0, do="create", name="b", wish=Wish(scripts=(Script(runs_for=None),))),
        Deed(at=0.0, do="create", name="c", wish=Wish(spec={"dependsOn": ["a", "b"]})),
    ),
)
"""A Task knows the results of one that is gone, and waits for another."""


@bug("does not break", scenario=KEPT_RESULTS)
def stumbles_over_a_missing_dependency(patch):
    def unfinished(view):
        return [name for name, found in view.dependencies.items() if found.phase is not Phase.SUCCEEDED]

    patch.setattr(dependencies, "unfinished", unfinished)


def first_failure(bug: Bug) -> int | None:
    """The seed of the first schedule that breaks this law."""
    if bug.scenario is not None:
        return bug.scenario.seed if breaks(bug.law, bug.scenario) else None
    number = [*THEMES].index(bug.theme)
    for seed in range(number, number + MOST_SCHEDULES * len(THEMES), len(THEMES)):
        if breaks(bug.law, generate(seed)):
            return seed
    return None


def breaks(law: str, scenario: Scenario) -> bool:
    return any(violation.law == law for violation in play(scenario).violations)


SCENARIOS = (TWO_ON_A_DISK, UNSEEN_POD, SECOND_JOB, DELETED_JOB, RUN_BY_THE_OTHER, KEPT_RESULTS)


def test_the_same_schedules_come_right_without_a_bug():
    assert [()] * len(SCENARIOS) == [play(scenario).violations for scenario in SCENARIOS]


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught(name, monkeypatch):
    """Without this nobody knows whether thousands of green schedules mean anything."""
    BUGS[name].plant(monkeypatch)

    assert first_failure(BUGS[name]) is not None


def test_a_failing_schedule_is_made_small(monkeypatch):
    """Nobody finds a bug among fifty events."""
    BUGS["does_not_hear_a_cancel"].plant(monkeypatch)
    seed = first_failure(BUGS["does_not_hear_a_cancel"])
    assert seed is not None

    small = shrink(generate(seed))

    assert (["create", "cancel"], ()) == ([deed.do for deed in small.deeds if deed.do != "bring"], small.faults)
