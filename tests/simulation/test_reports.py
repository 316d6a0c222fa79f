"""Many bad days: whatever goes wrong, nothing is reported twice and every end is told."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from kelos.cluster import watch
from kelos.controllers.reporter import checks, comments
from kelos.controllers.reporter.notes import Notes
from kelos.reporting.subject import Subject
from simulation.reports import play

SEEDS = 30


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Caches log that watches fail; here they must."""
    caplog.set_level(logging.CRITICAL, logger=watch.__name__)


def test_every_end_is_told_once():
    """The seeds are always the same; each is played in full by `play(seed)`."""
    broken = {}
    for seed in range(SEEDS):
        if found := play(seed):
            broken[seed] = found
            print(f"seed {seed}: {found}")
        if len(broken) >= 5:
            break

    assert {} == broken


def looks_for_no_comment(patch):
    due = comments.comment_due
    patch.setattr(comments, "comment_due", lambda *seen: (d := due(*seen)) and replace(d, must_search=False))


def looks_for_no_check(patch):
    due = checks.check_due
    patch.setattr(checks, "check_due", lambda *seen: (d := due(*seen)) and replace(d, must_search=False))


def believes_to_be_alone(patch):
    write = Notes._patch

    async def anyhow(notes, subject, meta):
        await write(notes, subject, {key: value for key, value in meta.items() if key != "resourceVersion"})

    patch.setattr(Notes, "_patch", anyhow)


def forgets_who_was_deleted(patch):
    state = Subject.state.fget

    def as_if_unseen(subject):
        return None if subject.deleted_at is not None and not subject.phase.is_terminal else state(subject)

    patch.setattr(Subject, "state", property(as_if_unseen))


@pytest.mark.parametrize(
    ("bug", "seed", "law"),
    [
        (looks_for_no_comment, 20, "says nothing twice"),
        (looks_for_no_check, 12, "says nothing twice"),
        (believes_to_be_alone, 6, "says nothing twice"),
        (forgets_who_was_deleted, 1, "tells every end"),
    ],
)
def test_a_planted_bug_is_found(monkeypatch, bug, seed, law):
    """What the simulation is worth: without one of these the law breaks on that day."""
    bug(monkeypatch)

    assert any(broken.startswith(law) for broken in play(seed))
