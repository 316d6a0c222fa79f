"""How long an agent may go on after its Task was cancelled or its client went away: promises in seconds."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kelos.api.names import ANNOTATION_LEASE
from kelos.api.outcome import Outcome
from kelos.api.reasons import Reason
from kelos.settings import Settings
from simulation.outside import Script
from simulation.people import LEASE_SECONDS
from simulation.scenario import Deed, Fault, Scenario, Wish
from simulation.schedule import START, Stage, perform

GRACE = 5.0
"""What the agent here takes to end once it is told to."""
REACTION = 3.0
"""Watches, passes, the Job controller and the kubelet, all in fair weather."""
AFTER_AN_OUTAGE = 30.0
"""Until the next try, however long everything has failed."""
ENDLESS = Script(runs_for=None, ends_after=GRACE, when_told=Outcome(reason=Reason.CANCELLED, message="stopped"))
LEASE = {ANNOTATION_LEASE: json.dumps({"holder": "run 7", "count": 0, "seconds": LEASE_SECONDS})}


def stage_of(*deeds: Deed, faults: tuple[Fault, ...] = (), script: Script = ENDLESS, leased: bool = False) -> Stage:
    wish = Wish(scripts=(script,), annotations=LEASE if leased else {})
    stage = perform(Scenario(seed=1, deeds=(Deed(at=0.0, do="create", name="a", wish=wish), *deeds), faults=faults))
    assert [] == stage.watchman.violations
    return stage


def pod_ended_at(stage: Stage) -> float:
    (attempt,) = stage.outside.attempts.values()
    assert attempt.ended_at is not None
    return (attempt.ended_at - START).total_seconds()


def reason(stage: Stage) -> str:
    (task,) = stage.watchman.tasks.values()
    return str(task["status"]["reason"])


def renewals(until: float) -> tuple[Deed, ...]:
    return tuple(Deed(at=6.0 * beat, do="renew", name="a") for beat in range(1, 40) if 6.0 * beat <= until)


CANCEL = Deed(at=30.0, do="cancel", name="a")


def test_a_cancelled_agent_ends_within_its_grace():
    stage = stage_of(CANCEL)

    assert ("Cancelled", True) == (reason(stage), pod_ended_at(stage) <= 30 + GRACE + REACTION)


@pytest.mark.parametrize("down", [1.0, 20.0, 60.0])
def test_a_cancel_while_no_controller_runs_is_heard_at_its_start(down):
    stage = stage_of(CANCEL, faults=(Fault(at=29.0, until=29.0 + down, what="crash", amount=1),))

    assert ("Cancelled", True) == (reason(stage), pod_ended_at(stage) <= 29 + max(down, 1.0) + GRACE + REACTION)


@pytest.mark.parametrize("lasts", [5.0, 40.0, 85.0])
@pytest.mark.parametrize("begins", [29.9, 30.001], ids=["before it is seen", "after it was seen"])
def test_a_cancel_during_an_outage_is_heard_soon_after_it(begins, lasts):
    """However long the controller has failed by then."""
    stage = stage_of(CANCEL, faults=(Fault(at=begins, until=begins + lasts, what="outage", amount=1),))

    latest = begins + lasts + AFTER_AN_OUTAGE + GRACE + REACTION
    assert ("Cancelled", True) == (reason(stage), pod_ended_at(stage) <= latest)


def test_a_pod_that_never_reports_keeps_a_cancelled_task_only_for_a_limit():
    """Its node may be gone for good."""
    script = replace(ENDLESS, ends_after=3000.0)
    stage = perform(Scenario(seed=1, deeds=(Deed(at=0.0, do="create", name="a", wish=Wish(scripts=(script,))), CANCEL)))

    (ended_at,) = stage.watchman.ended_at.values()
    assert 30 < ended_at <= 30 + Settings().cancel_limit_seconds + 5 + REACTION


def test_an_agent_ends_when_its_client_has_been_silent_for_the_period():
    stage = stage_of(*renewals(until=30.0), leased=True)

    assert "LeaseExpired" == reason(stage)
    assert 30 + LEASE_SECONDS + GRACE <= pod_ended_at(stage) <= 30 + LEASE_SECONDS + GRACE + REACTION


def test_a_restarted_controller_gives_every_client_a_full_period():
    """It cannot know for how long nothing moved before it came."""
    stage = stage_of(*renewals(until=30.0), leased=True, faults=(Fault(at=45.0, until=48.0, what="crash", amount=1),))

    assert "LeaseExpired" == reason(stage)
    assert 48 + LEASE_SECONDS + GRACE <= pod_ended_at(stage) <= 48 + LEASE_SECONDS + GRACE + REACTION


@pytest.mark.parametrize("lasts", [10.0, 50.0, 110.0])
def test_an_outage_is_no_silence(lasts):
    """Nobody could renew: the client that comes back right after it keeps its agent."""
    back = 30.1 + lasts
    alive = tuple(Deed(at=back + 6.0 * beat, do="renew", name="a") for beat in range(1, 5))
    outage = Fault(at=30.1, until=back, what="outage", amount=1)
    stage = stage_of(*renewals(until=30.0), *alive, leased=True, faults=(outage,))

    assert "LeaseExpired" == reason(stage)
    assert alive[-1].at + LEASE_SECONDS + GRACE <= pod_ended_at(stage)


@pytest.mark.parametrize("lasts", [10.0, 50.0, 110.0])
def test_a_client_that_an_outage_took_along_is_missed_soon_after_it(lasts):
    """One period from the moment at which the API is known to be back; a watch says so once a minute at the latest."""
    outage = Fault(at=30.1, until=30.1 + lasts, what="outage", amount=1)
    stage = stage_of(*renewals(until=30.0), leased=True, faults=(outage,))

    latest = 30.1 + lasts + 60 + AFTER_AN_OUTAGE + LEASE_SECONDS + GRACE + REACTION
    assert ("LeaseExpired", True) == (reason(stage), pod_ended_at(stage) <= latest)


def test_a_cache_that_stands_still_is_no_silence():
    """The controller asks before it cancels."""
    frozen = Fault(at=20.0, until=100.0, what="frozen cache", kind="Task", amount=1)
    stage = stage_of(*renewals(until=120.0), leased=True, faults=(frozen,))

    assert "LeaseExpired" == reason(stage)
    assert 120 + LEASE_SECONDS + GRACE <= pod_ended_at(stage)
