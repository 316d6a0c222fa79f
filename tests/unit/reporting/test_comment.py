"""What people read below their issue."""

from __future__ import annotations

from datetime import timedelta

import pytest

import reported
from kelos.reporting.comment import comment
from kelos.reporting.facts import spoken, web_host

MARKER = "<!-- kelos.dev/task:uid-shop-bugs-1 -->"


def test_a_task_that_was_accepted():
    """The reference's words; nothing is known yet but where it works."""
    body = comment(reported.thread(reported.subject(status=reported.running(), branch="kelos/fix-1")))

    assert body.split("\n") == [
        "🤖 **Kelos Task Status**",
        "",
        "Task `shop-bugs-1` has been **accepted** and is being processed.",
        "",
        "- **Branch:** `kelos/fix-1`",
        "",
        MARKER,
    ]


def test_a_task_that_succeeded():
    """How long, how much, and where the work is."""
    body = comment(reported.thread(reported.subject(status=reported.succeeded())))

    assert body.split("\n")[2:-2] == [
        "Task `shop-bugs-1` has **succeeded**. ✅",
        "",
        "- **Duration:** 3 min 12 s",
        "- **Cost:** 0.42 USD",
        "- **Branch:** `kelos/fix-1`",
        "- **Pull request:** [#7](https://github.com/acme/shop/pull/7)",
    ]


def test_a_task_that_failed():
    """Why, and what to try."""
    body = comment(reported.thread(reported.subject(status=reported.failed())))

    assert body.split("\n")[2:-2] == [
        "Task `shop-bugs-1` has **failed**. ❌",
        "",
        "- **Reason:** `OOMKilled`: `The agent's container used more memory than it may`",
        "- **What to try:** `Raise the memory limit in podOverrides`",
        "- **Duration:** 3 min 12 s",
    ]


def test_a_task_that_was_deleted_while_it_ran():
    """Whoever was told that it was accepted hears of its end."""
    gone = {"deletionTimestamp": "2026-02-07T08:10:00Z"}
    body = comment(
        reported.thread(
            reported.subject(status=reported.running(), meta=gone, told={"github_report_phase": "accepted"})
        )
    )

    assert "Task `shop-bugs-1` has **failed**. ❌" in body
    assert "- **Reason:** `Deleted`: `The Task was deleted before it ended`" in body


def test_one_comment_tells_of_all_tasks():
    """The newest in full, those that still run before those that ended; at most ten lines."""
    old = [
        reported.subject(f"a-{n:02}", sticky=True, status=reported.succeeded(), created=f"2026-02-07T08:{n:02}:00Z")
        for n in range(12)
    ]
    runs = reported.subject("a-12", sticky=True, status=reported.running(), created="2026-02-07T07:00:00Z")
    newest = reported.subject("a-13", sticky=True, status=reported.failed(), created="2026-02-07T09:00:00Z")

    lines = comment(reported.thread(*old, runs, newest)).split("\n")
    assert "Task `a-13` has **failed**. ❌" == lines[2]
    others = [line for line in lines if line.startswith("- Task")]
    assert "- Task `a-12`: in progress ⏳" == others[0]
    assert "- Task `a-11`: succeeded ✅, 3 min 12 s, 0.42 USD, [#7](https://github.com/acme/shop/pull/7)" == others[1]
    assert (10, "- and 3 more") == (len(others), lines[-3])
    assert "<!-- kelos.dev/github-status-comment:team/shop-bugs -->" == lines[-1]


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        ("0.004", "less than 0.01 USD"),
        ("12.3456", "12.35 USD"),
        ("0", ""),
        ("-1", ""),
        ("NaN", ""),
        ("1e400", ""),
        ("", ""),
    ],
)
def test_cost_is_told_when_it_is_one(cost, shown):
    """To the cent."""
    body = comment(reported.thread(reported.subject(status=reported.succeeded(usage={"cost": cost}))))

    assert (f"- **Cost:** {shown}\n" in body) == bool(shown)
    assert ("**Cost:**" in body) == bool(shown)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3720, "1 h 2 min"), (90000, "1 d 1 h")]
)
def test_times_are_told_as_people_say_them(seconds, shown):
    assert shown == spoken(timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("api", "host"),
    [
        ("https://api.github.com", "github.com"),
        ("https://api.acme.ghe.com", "acme.ghe.com"),
        ("https://git.acme.example:8443/api/v3", "git.acme.example:8443"),
        ("https://api.acme.example", "api.acme.example"),
        ("https://[", ""),
    ],
)
def test_links_lead_to_the_web_of_that_github(api, host):
    assert host == web_host(api)
