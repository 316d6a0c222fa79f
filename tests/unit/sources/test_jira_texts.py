"""JQL that stays in its parentheses, and documents that become text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.jira.jql import BadQuery, search
from kelos.errors import UserError
from kelos.sources.jira.documents import BUDGET_BYTES, joined, plain
from kelos.sources.jira.jql import compose

PROJECTS = ("ENG", "SECRET")
ISSUES = [
    {"key": f"{project}-{number}", "fields": {"status": {"name": status}, "created": str(number)}}
    for project in PROJECTS
    for number, status in ((1, "Open"), (2, "Done"))
]


@pytest.mark.parametrize(
    ("jql", "expected"),
    [
        ("", 'project = "ENG"'),
        ("status = Open", 'project = "ENG" AND (status = Open)'),
        ("a = 1 OR b = 2", 'project = "ENG" AND (a = 1 OR b = 2)'),
        ("status = Open ORDER BY rank", 'project = "ENG" AND (status = Open) ORDER BY rank'),
        (
            "status = Open\norder  by created DESC, key",
            'project = "ENG" AND (status = Open) ORDER BY created DESC, key',
        ),
        ("ORDER BY created", 'project = "ENG" ORDER BY created'),
        ('summary ~ "order by hand"', 'project = "ENG" AND (summary ~ "order by hand")'),
        (r'summary ~ "a \" ) order by"', r'project = "ENG" AND (summary ~ "a \" ) order by")'),
        ("reorder = by", 'project = "ENG" AND (reorder = by)'),
    ],
)
def test_a_filter_is_a_part_of_the_search(jql, expected):
    """ORDER BY ends a search, so it cannot stay within the parentheses."""
    assert expected == compose("ENG", jql)


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        ("INT", 'project = "INT"'),
        ('"INT"', 'project = "INT"'),
        ('E" OR project = "SECRET', r'project = "E\" OR project = \"SECRET"'),
        ("a\\", r'project = "a\\"'),
    ],
)
def test_a_project_is_one_string(project, expected):
    """Keys like INT are reserved words; a quotation mark ends no string of ours."""
    assert expected == compose(project, "")


@pytest.mark.parametrize(
    ("jql", "words"),
    [
        ("status = Open) OR (project = SECRET", "did not open"),
        ("status in (Open", "does not close every"),
        ('summary ~ "open', "without its partner"),
        ("summary ~ 'it", "without its partner"),
    ],
)
def test_a_filter_cannot_leave_its_parentheses(jql, words):
    """Else it would find other projects' issues, or Jira would complain about a search that nobody wrote."""
    with pytest.raises(UserError, match=words):
        compose("ENG", jql)


@given(st.text("()\"'\\ =ORDERBYorderby\n", max_size=30), st.text("\"\\' E)(=", max_size=8))
def test_whatever_is_written_the_search_is_of_the_project(jql, project):
    """Read by a grammar that is not ours, the search finds nothing elsewhere."""
    try:
        found = search(compose(project + "ENG", jql + " OR project = SECRET"), ISSUES)
    except (UserError, BadQuery):
        return
    assert [] == [issue for issue in found if issue["key"].startswith("SECRET")]


def document(*content):
    return {"type": "doc", "version": 1, "content": list(content)}


def paragraph(*content):
    return {"type": "paragraph", "content": list(content)}


def text(words, **more):
    return {"type": "text", "text": words, **more}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("h2. As it *is*", "h2. As it *is*"),
        (None, ""),
        (document(paragraph(text("One")), paragraph(text("Two"))), "One\nTwo"),
        (document(paragraph(text("A "), text("bold", marks=[{"type": "strong"}]), text(" word"))), "A bold word"),
        (document(paragraph(text("up"), {"type": "hardBreak"}, text("down"))), "up\ndown"),
        (
            document({"type": "bulletList", "content": [{"type": "listItem", "content": [paragraph(text("Item"))]}]}),
            "Item",
        ),
        (
            document({"type": "codeBlock", "attrs": {"language": "go"}, "content": [text("a := 1\nb := 2")]}),
            "a := 1\nb := 2",
        ),
        (
            document(
                paragraph(
                    {"type": "mention", "attrs": {"id": "1", "text": "@Ada"}},
                    text(" see "),
                    {"type": "inlineCard", "attrs": {"url": "https://example.com/x"}},
                    {"type": "emoji", "attrs": {"shortName": ":bug:", "text": "🐛"}},
                )
            ),
            "@Ada see https://example.com/x🐛",
        ),
        (document({"type": "rule"}, {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"id": "x"}}]}), ""),
        ({"type": "doc", "content": "nonsense"}, ""),
        ([1, 2], ""),
    ],
)
def test_documents_become_text(body, expected):
    """Jira's newer interface gives trees where the older one gives strings."""
    assert expected == plain(body)


def test_a_document_without_a_bottom_costs_nothing():
    node = text("deep")
    for _ in range(5000):
        node = {"type": "paragraph", "content": [node]}

    assert "" == plain(node)


def test_comments_are_kept_from_the_newest_on():
    """What was said last is what the agent must know."""
    old, middle, new = "o" * 40_000, "m" * 30_000, "n" * 30_000

    assert f"{middle}\n---\n{new}" == joined([new, middle, old])


@pytest.mark.parametrize(("length", "expected"), [(BUDGET_BYTES, BUDGET_BYTES), (BUDGET_BYTES + 1, 0)])
def test_a_comment_over_the_budget_is_left_out(length, expected):
    assert expected == len(joined(["x" * length]))
