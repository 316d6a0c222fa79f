"""What people read about a TaskSpawner."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

import make
from kelos.spawning.ledger import writing
from kelos.spawning.status import set_status
from kelos.spawning.view import Discovery, Trouble
from spawning import entry, ledger, spawner, task, view


def told(view):
    step = set_status(view)
    return step.body if step is not None else {}


def condition(body, type):
    (found,) = [each for each in body["conditions"] if each["type"] == type]
    return found["status"], found["reason"], found["message"]


def test_a_spawner_that_works_says_what_it_found():
    body = told(view("1", "2", tasks=(task("1"), task("2", is_finished=True)), ledger=ledger(created=9)))

    assert ("Running", 2, 1, 9) == tuple(
        body[name] for name in ("phase", "totalDiscovered", "activeTasks", "totalTasksCreated")
    )
    assert "2026-02-07T09:00:00Z" == body["lastDiscoveryTime"]
    assert "True" == condition(body, "Ready")[0]
    assert "False" == condition(body, "DiscoveryError")[0]


def test_a_source_that_fails_is_seen_with_its_history():
    """The reference looks as if it ran."""
    failed = Discovery(sightings=(), looked_at=make.NOW, failures=3, problem="Bad credentials", is_for_people=True)
    body = told(view(discovery=failed))

    assert ("Failed", "Bad credentials") == (body["phase"], body["message"])
    assert ("False", "SourceRefused") == condition(body, "Ready")[:2]
    text = "Bad credentials (failed 3 times in a row, last success at 2026-02-07T09:00:00Z)"
    assert ("True", "SourceRefused", text) == condition(body, "DiscoveryError")


def test_a_failure_that_passes_does_not_look_like_one_of_the_user():
    failed = Discovery(sightings=(), looked_at=make.NOW, failures=1, problem="502 Bad Gateway")
    body = told(view(discovery=failed))

    assert "Running" == body["phase"]
    assert ("False", "SourceUnavailable") == condition(body, "Ready")[:2]


def test_a_spawner_that_can_remember_no_more_says_so(monkeypatch):
    """It makes nothing any more, and nobody would know why."""
    monkeypatch.setattr(writing, "MOST_ITEMS", 1)
    body = told(view("1", "2", "3", ledger=ledger(entry("1"), entry("2"))))

    assert ("False", "LedgerFull") == condition(body, "Ready")[:2]
    assert "another TaskSpawner" in condition(body, "DiscoveryError")[2]


def test_items_in_trouble_are_named():
    troubles = {str(n): Trouble(message=f"problem {n}", until=make.NOW) for n in range(1, 6)}
    text = "item 1: problem 1; item 2: problem 2; item 3: problem 3; and 2 more"

    assert ("True", "TaskCreationFailed", text) == condition(told(view(troubles=troubles)), "DiscoveryError")


def test_the_message_tells_of_trouble_first():
    """It is all that a table shows: a schedule whose template is wrong looked as if it worked."""
    cron = spawner(when={"cron": {"schedule": "* * * * *"}})
    troubles = {"20260207-0900": Trouble(message="there is no entry 'Nmber'", until=make.NOW)}
    body = told(view(of=cron, ledger=ledger(watermark="20260207-0859"), troubles=troubles))

    assert ("Running", "item 20260207-0900: there is no entry 'Nmber'") == (body["phase"], body["message"])


def test_a_suspended_spawner_says_so():
    body = told(view(of=spawner(suspend=True)))

    assert "Suspended" == body["phase"]
    assert ("True", "UserSuspended") == condition(body, "Suspended")[:2]


def test_both_names_of_the_limit_say_the_same():
    body = told(view(of=spawner(maxTotalTasks=2), ledger=ledger(created=2)))

    for name in ("MaxTotalTasksReached", "TaskBudgetExhausted"):
        assert ("True", "LimitReached", "2 of 2 Tasks were created") == condition(body, name)


def test_a_source_that_is_pushed_waits_for_its_server():
    body = told(view(of=spawner(when={"webhook": {"source": "ci", "fieldMapping": {"id": "$.id"}}})))

    assert ("False", "NoWebhookServer") == condition(body, "Ready")[:2]


@pytest.mark.parametrize(("minutes", "is_written"), [(1, False), (11, True)])
def test_a_look_that_changed_nothing_is_worth_a_write_now_and_then(minutes, is_written):
    """A thousand spawners look every few minutes."""
    seen = view("1")
    later = replace(seen.discovery, looked_at=make.NOW + timedelta(minutes=minutes))

    assert is_written == bool(told(replace(seen, status=told(seen), discovery=later)))


def test_the_same_facts_are_not_written_again():
    seen = view("1")

    assert set_status(replace(seen, status=told(seen))) is None


def test_a_schedule_says_how_far_it_is():
    cron = spawner(when={"cron": {"schedule": "* * * * *"}})
    body = told(view(of=cron, ledger=ledger(watermark="20260207-0859")))

    assert "Ticks up to 2026-02-07T08:59:00Z are handled" == body["message"]


REFUSED = Discovery(sightings=(), looked_at=make.NOW, failures=3, problem="Bad credentials", is_for_people=True)


@pytest.mark.parametrize(
    ("discovery", "discovered", "error"),
    [
        (None, ("True", "Looked"), ("False", "NoErrors")),
        (REFUSED, ("False", "SourceRefused"), ("True", "SourceRefused")),
    ],
    ids=["a look that went well", "a source that refused"],
)
@pytest.mark.parametrize("spec", [{"suspend": True}, {}], ids=["suspended", "another controller"])
def test_what_was_last_known_of_a_source_stands_until_it_is_looked_at_anew(discovery, discovered, error, spec):
    """Whoever suspends a spawner, or restarts the controller, has not made anything unknown."""
    seen = view("1", "2") if discovery is None else view("1", "2", discovery=discovery)
    before = told(seen)
    step = set_status(view(of=spawner(generation=2, **spec), discovery=Discovery(), status=before))
    after = {**before, **(step.body if step is not None else {})}

    assert before["totalDiscovered"] == after["totalDiscovered"]
    assert discovered == condition(after, "Discovered")[:2]
    assert error == condition(after, "DiscoveryError")[:2]


def test_a_word_that_stands_still_speaks_of_the_generation_it_was_said_of():
    before = told(view("1"))
    body = told(view(of=spawner(generation=2, suspend=True), discovery=Discovery(), status=before))
    generations = {each["type"]: each["observedGeneration"] for each in body["conditions"]}

    assert (1, 2) == (generations["Discovered"], generations["Ready"])


def test_a_spawner_that_never_looked_says_so():
    body = told(view(of=spawner(suspend=True), discovery=Discovery()))

    assert ("Unknown", "NotLooked") == condition(body, "Discovered")[:2]
