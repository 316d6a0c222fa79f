"""What follows from what GitHub says: filters, commands, reviews, texts, times."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelos.api.github_sources import (
    CommentPolicy,
    FilePatterns,
    GitHubIssues,
    GitHubPullRequests,
    Permission,
    ReviewState,
)
from kelos.api.work_item import Trigger
from kelos.errors import UserError
from kelos.sources.github.items.commands import Ask, Remark, Verdict, find_command, judge
from kelos.sources.github.items.filters import file_filter, is_wanted_issue, is_wanted_pull
from kelos.sources.github.items.records import Record, is_settled, sightings_of
from kelos.sources.github.items.reviews import later, standing_of
from kelos.sources.github.items.rights import is_enough, role_of
from kelos.sources.github.items.texts import Tail, place_of
from kelos.sources.github.items.where import Where, find_where

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=timezone.utc)
HEAD, OLD = "a" * 40, "b" * 40


def record(**known) -> Record:
    usual = {"number": 7, "created_at": "2026-02-07T09:00:00Z", "updated_at": "2026-02-07T09:00:00Z"}
    return Record(**{**usual, "author": "octocat", "labels": ("bug", "Urgent"), **known})


@pytest.mark.parametrize(
    ("spec", "known", "is_wanted"),
    [
        ({}, {}, True),
        ({}, {"is_pull": True}, False),
        ({"types": ["pulls"]}, {"is_pull": True}, True),
        ({"types": ["pulls"]}, {}, False),
        ({"types": ["issues", "pulls"]}, {"is_pull": True}, True),
        ({}, {"is_open": False}, False),
        ({"state": "closed"}, {"is_open": False}, True),
        ({"state": "closed"}, {}, False),
        ({"state": "all"}, {"is_open": False}, True),
        ({"labels": ["bug", "urgent"]}, {}, True),
        ({"labels": ["bug", "docs"]}, {}, False),
        ({"excludeLabels": ["docs", "bug"]}, {}, False),
        ({"excludeLabels": ["urgent"]}, {}, True),
        ({"author": "OctoCat"}, {}, True),
        ({"author": "hubot"}, {}, False),
        ({"excludeAuthors": ["octocat"]}, {}, False),
        ({"excludeAuthors": ["Octocat"]}, {}, True),
        ({"assignee": "*"}, {}, False),
        ({"assignee": "*"}, {"assignees": ("a",)}, True),
        ({"assignee": "none"}, {}, True),
        ({"assignee": "none"}, {"assignees": ("a",)}, False),
        ({"assignee": "B"}, {"assignees": ("a", "b")}, True),
        ({"assignee": "c"}, {"assignees": ("a", "b")}, False),
    ],
)
def test_issues_that_are_wanted(spec, known, is_wanted):
    """What GitHub filtered for the reference knows no case; what the reference filtered itself is exact."""
    assert is_wanted == is_wanted_issue(GitHubIssues.model_validate(spec), record(**known))


@pytest.mark.parametrize(
    ("spec", "known", "is_wanted"),
    [
        ({}, {}, True),
        ({"labels": ["bug"]}, {}, True),
        ({"labels": ["urgent"]}, {}, False),
        ({"author": "octocat"}, {}, True),
        ({"author": "Octocat"}, {}, False),
        ({"draft": True}, {}, False),
        ({"draft": False}, {}, True),
        ({"draft": False}, {"is_draft": True}, False),
        ({"excludeAuthors": ["octocat"]}, {}, False),
        ({"excludeLabels": ["bug"]}, {}, False),
        ({"state": "closed"}, {}, False),
    ],
)
def test_pull_requests_that_are_wanted(spec, known, is_wanted):
    assert is_wanted == is_wanted_pull(GitHubPullRequests.model_validate(spec), record(is_pull=True, **known))


@pytest.mark.parametrize(
    ("include", "exclude", "path", "counts"),
    [
        (["src/**"], [], "src/a/b.py", True),
        (["*.py"], [], "src/b.py", False),
        (["**/*.py"], [], "src/b.py", True),
        ([], ["docs/**"], "docs/a.md", False),
        ([], ["docs/**"], "src/a.py", True),
        (["**/*.md"], ["docs/**"], "docs/a.md", False),
        (["*.{md,txt}"], [], "a.txt", True),
    ],
)
def test_files_that_count(include, exclude, path, counts):
    found = file_filter(FilePatterns(include=tuple(include), exclude=tuple(exclude)))

    assert found is not None
    assert counts == found(path)


def test_without_patterns_files_do_not_matter():
    assert [None, None] == [file_filter(None), file_filter(FilePatterns())]


def policy(**known) -> CommentPolicy:
    return CommentPolicy.model_validate(known)


def said(*texts, author="ann") -> list[Remark]:
    """Comments a minute apart, the first at noon."""
    return [
        Remark(key=f"comment:{n}", author=author, at=NOON + timedelta(minutes=n), text=text)
        for n, text in enumerate(texts)
    ]


def verdict(rules, remarks, body="", known=None, author="ann"):
    everything = [Remark(text=body, author=author), *remarks]
    commands = [command for remark in everything if (command := find_command(rules, remark))]
    return judge(rules, commands, known or {})


TRIGGER, EXCLUDE = policy(triggerComment="/go"), policy(excludeComments=["/stop", "/no"])
BOTH = policy(triggerComment="/go", excludeComments=["/stop"])
NO = Verdict(qualifies=False)


@pytest.mark.parametrize(
    ("text", "is_command"),
    [
        ("/go", True),
        ("  /go\t\r", True),
        ("please\n/go\nnow", True),
        ("please\r\n/go\r\nnow", True),
        ("/go now", False),
        ("/GO", False),
        ("`/go`", False),
        ("x/go", False),
        ("/go\u200b", False),
        ("", False),
    ],
)
def test_a_command_is_a_line_by_itself(text, is_command):
    assert is_command == (find_command(TRIGGER, Remark(text=text)) is not None)


@pytest.mark.parametrize(
    ("rules", "texts", "body", "expected"),
    [
        (policy(), ["/stop"], "", Verdict(qualifies=True)),
        (TRIGGER, [], "", NO),
        (TRIGGER, [], "/go", Verdict(qualifies=True)),
        (TRIGGER, ["/go", "hm", "/go", "ok"], "", 2),
        (EXCLUDE, [], "", Verdict(qualifies=True)),
        (EXCLUDE, ["/no", "sorry"], "", NO),
        (EXCLUDE, [], "/stop", NO),
        (BOTH, [], "", NO),
        (BOTH, ["/go", "/stop"], "", NO),
        (BOTH, ["/stop", "/go"], "", 1),
        (BOTH, ["/stop"], "/go", NO),
        (BOTH, ["/go"], "/stop", 0),
        (BOTH, [], "/stop", NO),
        (BOTH, [], "/go", Verdict(qualifies=True)),
        (BOTH, [], "/go\n/stop", NO),
        (BOTH, ["/stop\n/go"], "", NO),
    ],
)
def test_the_last_command_decides(rules, texts, body, expected):
    """A number is the comment that triggers; the item's own text is asked only when no comment commands."""
    if isinstance(expected, int):
        trigger = Trigger(key=f"comment:{expected}", at=NOON + timedelta(minutes=expected))
        expected = Verdict(qualifies=True, trigger=trigger)

    assert expected == verdict(rules, said(*texts), body)


def test_at_the_same_moment_the_later_in_the_list_counts():
    first, second = said("/go", "/stop")

    assert NO == verdict(BOTH, [first, Remark(key="comment:1", author="ann", at=NOON, text="/stop")])
    assert verdict(BOTH, [second, first]).qualifies is False


def test_an_edit_into_a_command_is_a_command_of_that_moment():
    """The time of a remark is that of its last edit."""
    edited = Remark(key="comment:1", author="ann", at=NOON + timedelta(hours=1), text="/go")

    assert "comment:1" == verdict(BOTH, [edited, *said("/stop")]).trigger.key


@pytest.mark.parametrize(
    ("rules", "author", "expected"),
    [
        ({"allowedUsers": [" Ann "]}, "ann", True),
        ({"allowedUsers": ["bob"]}, "ann", False),
        ({"allowedUsers": ["bob"], "minimumPermission": "write"}, "BOB", True),
        ({"allowedUsers": [""]}, "", False),
        ({"minimumPermission": "write"}, "", False),
    ],
)
def test_who_is_named_is_not_asked_about(rules, author, expected):
    found = verdict(policy(triggerComment="/go", **rules), said("/go", author=author))

    assert isinstance(found, Verdict)
    assert expected == found.qualifies


def test_people_are_asked_about_only_as_far_as_it_depends_on_them():
    """From the last command back; what they say apart from commands does not matter."""
    rules = policy(triggerComment="/go", minimumPermission="write")
    remarks = [*said("/go", author="old"), *said("hello", "/go", author="New"), *said("x", "y", "z", author="idle")]

    assert Ask(login="New") == verdict(rules, remarks)
    assert verdict(rules, remarks, known={"new": True}).qualifies
    assert Ask(login="old") == verdict(rules, remarks, known={"new": False})
    assert NO == verdict(rules, remarks, known={"new": False, "old": False})


def test_a_body_counts_for_its_author_only():
    rules = policy(triggerComment="/go", allowedUsers=["ann"])

    assert (True, False) == tuple(verdict(rules, [], "/go", author=who).qualifies for who in ("ann", "eve"))


@given(st.lists(st.sampled_from(["/go", "/stop", "talk", "/go\n/stop"]), max_size=8), st.sampled_from(["", "/go"]))
def test_nobody_who_may_not_changes_anything(texts, body):
    """However many strangers shout."""
    rules = policy(triggerComment="/go", excludeComments=["/stop"], allowedUsers=["ann"])
    ours = said("talk", "/go", "talk")

    assert verdict(rules, ours, body) == verdict(rules, [*ours, *said(*texts, author="eve")], body)


def review(state, who="ann", minute=0, sha=HEAD, identity=0):
    at = f"2026-02-07T12:{minute:02}:00Z"
    return {"id": identity, "user": who and {"login": who}, "state": state, "commit_id": sha, "submitted_at": at}


@pytest.mark.parametrize(
    ("reviews", "state", "key"),
    [
        ([], "", ""),
        ([review("COMMENTED")], "", ""),
        ([review("APPROVED", identity=3)], "approved", "review:3"),
        ([review("APPROVED", sha=OLD)], "", ""),
        ([review("APPROVED"), review("CHANGES_REQUESTED", minute=1, identity=4)], "changes_requested", "review:4"),
        ([review("CHANGES_REQUESTED"), review("APPROVED", minute=1, identity=5)], "approved", "review:5"),
        ([review("CHANGES_REQUESTED", identity=6), review("APPROVED", "bob", 1)], "changes_requested", "review:6"),
        ([review("APPROVED", identity=7), review("APPROVED", "bob", 2, identity=8)], "approved", "review:8"),
        ([review("CHANGES_REQUESTED", "Ann"), review("APPROVED", "ann", 1, identity=9)], "approved", "review:9"),
        ([review("APPROVED", identity=1), review("DISMISSED", minute=1)], "approved", "review:1"),
        ([review("APPROVED", "", identity=2)], "approved", "review:2"),
        ([review("CHANGES_REQUESTED"), review("APPROVED", identity=3)], "approved", "review:3"),
        ([review("CHANGES_REQUESTED", minute=9), review("APPROVED", minute=1)], "changes_requested", "review:0"),
    ],
)
def test_what_reviews_come_to(reviews, state, key):
    """The last word of each reviewer about the head; one who wants changes outweighs all others."""
    found = standing_of(reviews, HEAD)

    assert (state, key) == (found.state, found.trigger.key)


def test_the_later_trigger_counts():
    comment, nothing = Trigger(key="comment:1", at=NOON), Trigger()

    assert comment == later(comment, Trigger(key="review:1", at=NOON - timedelta(seconds=1)))
    assert (comment, comment) == (later(comment, nothing), later(nothing, comment))


def told(*bodies, budget=10) -> str:
    tail = Tail(budget)
    for body in bodies:
        tail.add(body)
    return str(tail)


def test_comments_are_joined_oldest_first():
    assert "a\n---\nb\n---\nc" == told("a", "b", "c")


@pytest.mark.parametrize(
    ("bodies", "text"),
    [
        (["12345", "67890"], "12345\n---\n67890"),
        (["1", "12345", "67890"], "12345\n---\n67890"),
        (["123456789012"], ""),
        (["1", "123456789012"], ""),
        (["123456789012", "1"], "1"),
        (["ä" * 6], ""),
        (["ä" * 5], "ä" * 5),
    ],
)
def test_the_oldest_comments_go_first(bodies, text):
    """Whole ones; only their bytes count. One that is too large by itself leaves nothing."""
    assert text == told(*bodies)


@given(st.lists(st.text(max_size=8), max_size=20))
def test_what_is_shown_is_the_longest_end_that_fits(bodies):
    ends = [bodies[start:] for start in range(len(bodies) + 1)]
    fitting = next(end for end in ends if sum(len(body.encode()) for body in end) <= 10)

    assert "\n---\n".join(fitting) == told(*bodies)


def test_a_comment_in_the_code_says_where():
    comments = [{"path": "a.py", "line": 3}, {"path": "a.py", "line": None}, {"path": "a.py"}, {}]

    assert ["a.py:3", "a.py", "a.py", ""] == [place_of(comment) for comment in comments]


@pytest.mark.parametrize(
    ("answer", "minimum", "expected"),
    [
        ({"permission": "write", "role_name": "maintain"}, Permission.MAINTAIN, True),
        ({"permission": "read", "role_name": "triage"}, Permission.TRIAGE, True),
        ({"permission": "write", "role_name": "security-team"}, Permission.WRITE, True),
        ({"permission": "write", "role_name": "security-team"}, Permission.MAINTAIN, False),
        ({"permission": "admin"}, Permission.ADMIN, True),
        ({"permission": "none"}, Permission.READ, False),
        ({}, Permission.READ, False),
    ],
)
def test_rights_include_the_lesser_ones(answer, minimum, expected):
    assert expected == is_enough(role_of(answer), minimum)


def test_a_young_change_has_a_revision_of_its_own():
    changed = (record(updated_at="2026-02-07T11:59:30Z"),)
    young, old = sightings_of(changed, NOON), sightings_of(changed, NOON + timedelta(minutes=1))

    assert (True, False, True) == (young[0].revision != old[0].revision, is_settled(young), is_settled(old))


@pytest.mark.parametrize(
    ("workspace", "override", "api_url", "repository"),
    [
        ("https://github.com/acme/shop.git", "", "https://api.github.com", "acme/shop"),
        ("https://github.com/acme/shop.js", "", "https://api.github.com", "acme/shop.js"),
        ("https://github.com/acme/shop.js.git/", "", "https://api.github.com", "acme/shop.js"),
        ("git@github.com:acme/shop.git", "", "https://api.github.com", "acme/shop"),
        ("ssh://git@ghe.acme.com:2222/acme/shop", "", "https://ghe.acme.com/api/v3", "acme/shop"),
        ("https://ghe.acme.com:8443/acme/shop", "", "https://ghe.acme.com:8443/api/v3", "acme/shop"),
        ("https://ghe.acme.com/git/acme/shop", "", "https://ghe.acme.com/api/v3", "acme/shop"),
        ("https://ghe.acme.com/me/fork", "acme/shop", "https://ghe.acme.com/api/v3", "acme/shop"),
        ("https://ghe.acme.com/me/fork", "https://github.com/acme/shop", "https://api.github.com", "acme/shop"),
        ("", "acme/shop", "https://api.github.com", "acme/shop"),
        ("", "acme/shop.git", "https://api.github.com", "acme/shop"),
        ("", "https://octo.ghe.com/acme/shop", "https://api.octo.ghe.com", "acme/shop"),
    ],
)
def test_where_the_repository_is(workspace, override, api_url, repository):
    """A name without a host is on the Workspace's."""
    assert Where(api_url=api_url, repository=repository) == find_where(workspace, override)


@pytest.mark.parametrize(
    ("workspace", "override"),
    [
        ("", ""),
        ("", "shop"),
        ("", "acme/shop/x"),
        ("", "../shop"),
        ("", "acme/.."),
        ("", "acme/sh op"),
        ("", "acme/shop?x=1"),
        ("https://github.com/shop", ""),
        ("", "https://github.com/acme/%2e%2e"),
    ],
)
def test_what_names_no_repository_is_refused(workspace, override):
    """It becomes part of an address."""
    with pytest.raises(UserError, match="repository"):
        find_where(workspace, override)


def test_any_review_state_is_enough():
    from kelos.sources.github.items.reviews import Standing, is_reviewed

    assert (True, False, True) == (
        is_reviewed(ReviewState.ANY, Standing()),
        is_reviewed(ReviewState.APPROVED, Standing()),
        is_reviewed(ReviewState.APPROVED, Standing(state="approved")),
    )
