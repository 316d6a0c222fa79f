"""Whatever somebody writes into a Task's story does nothing at GitHub."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

import hostile
import reported
from kelos.reporting.check import DESCRIPTION_LIMIT, check_run, commit_status
from kelos.reporting.comment import comment
from kelos.reporting.subject import State
from kelos.reporting.text import in_code, link_to_pull, one_line

MENTIONS = (
    "@octocat",
    "closes #12",
    "acme/shop#3",
    "https://evil.example/x",
    "![x](y)",
    "<!--",
    "-->",
    "{{.Title}}",
    "`",
)
TEXTS = st.lists(st.one_of(st.sampled_from(MENTIONS), hostile.texts()), max_size=6).map(" ".join)


def tokens(markdown: str) -> list[Token]:
    """What GitHub's dialect makes of it, inline parts included."""
    found = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    return [inner for token in found for inner in (token, *(token.children or ()))]


@given(TEXTS, st.integers(2, 80))
def test_a_text_is_one_piece_of_code_whatever_is_in_it(text, limit):
    """In code nothing is a mention, a reference, an image or HTML; and it never ends early."""
    code = in_code(text, limit)
    plain = one_line(text, limit)

    shown = [
        token for token in tokens(f"- **Reason:** {code}") if token.type not in ("text", "inline") and token.content
    ]
    assert [plain] * bool(plain) == [token.content for token in shown if token.type == "code_inline"]
    assert all(token.type == "code_inline" for token in shown)
    assert len(plain) <= limit


@given(TEXTS)
def test_no_template_and_nothing_invisible_is_left(text):
    """Comments are read by spawners too, whose templates must never meet a brace that somebody smuggled in."""
    plain = one_line(text, 1000)

    assert not any(brace in plain for brace in ("{{", "}}", "{%", "%}"))
    assert plain.isprintable()


def everywhere(text: str, **more: object) -> dict[str, object]:
    """A status in which others wrote that text wherever they can."""
    told = {"message": text, "results": {"branch": text, "pr": text}, "diagnosis": {"advice": text}, "reason": text}
    return {**told, "usage": {"cost": text}, "startTime": text, **more}


@given(TEXTS, st.sampled_from(["Succeeded", "Failed", "Running"]))
def test_a_comment_says_no_more_than_we_do(text, phase):
    """Whole comments of hostile Tasks: our own words, and code. No line is another one's."""
    task = reported.subject("a-1", sticky=True, status=everywhere(text, phase=phase))
    other = reported.subject("a-2", sticky=True, status=everywhere(text, phase=phase), created="2026-02-07T08:30:00Z")
    body = comment(reported.thread(task, other))

    allowed = {"text", "code_inline", "strong_open", "strong_close", "inline", "softbreak"}
    allowed |= {f"{block}_{end}" for block in ("paragraph", "bullet_list", "list_item") for end in ("open", "close")}
    found = [token for token in tokens(body) if token.type not in allowed]
    assert ["html_block"] == [token.type for token in found]
    assert "<!-- kelos.dev/github-status-comment:team/shop-bugs -->" == found[0].content.strip()
    outside = " ".join(token.content for token in tokens(body) if token.type == "text")
    assert not any(word in outside for word in ("@", "#", "://", "PWNED"))
    assert all(
        line.startswith(("🤖 ", "Task `", "- ", "Other Tasks here:", "<!-- ")) for line in body.split("\n") if line
    )


@given(TEXTS, st.sampled_from(list(State)))
def test_a_check_keeps_within_what_github_takes(text, state):
    """Longer names and descriptions are refused, and a check that is refused blocks a merge for ever."""
    task = reported.subject(checks=True, status=everywhere(text, phase="Failed"), told={"github_check_name": text})

    run, status = check_run(task, state), commit_status(task, state)
    assert 0 < len(run.name) <= 100
    assert 0 < len(status.context) <= 100
    assert len(status.description) <= DESCRIPTION_LIMIT


@pytest.mark.parametrize(
    ("url", "is_link"),
    [
        ("https://github.com/acme/shop/pull/7", True),
        ("https://github.com/Acme/Shop/pull/7/", True),
        ("https://github.com/upstream/shop/pull/7", True),
        ("https://github.com/somebody/else/pull/7", False),
        ("https://evil.example/acme/shop/pull/7", False),
        ("https://github.com@evil.example/acme/shop/pull/7", False),
        ("https://github.com/acme/shop/pull/7?x=@octocat", False),
        ("https://github.com/acme/shop/pull/7#issue-1", False),
        ("https://github.com/acme/shop/issues/7", False),
        ("javascript:alert(1)", False),
        ("https://[github.com/acme/shop/pull/7", False),
        ("", False),
    ],
)
def test_only_pull_requests_of_ours_become_links(url, is_link):
    """An agent's address could lead anywhere."""
    found = link_to_pull(url, "github.com", frozenset({"acme/shop", "upstream/shop"}))

    assert is_link == found.startswith("[#7](https://github.com/")
    assert is_link or found == in_code(url)
