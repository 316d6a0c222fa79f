"""The step summary, read back by a parser of GitHub's Markdown: what people see is what we meant."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from kelos.action.chain.plan import Link
from kelos.action.chain.tally import Told
from kelos.action.conclusion import Conclusion, Ending
from kelos.action.outputs import OUTPUTS, Facts, outputs_of
from kelos.action.summary import LIMIT_BYTES, summary_of, write_summary

PULL = "https://github.com/acme/shop/pull/7"
ALONE = (Link(key="task"),)
GOOD = Ending(conclusion=Conclusion.SUCCESS, message="Task 't' succeeded")
BAD = Ending(conclusion=Conclusion.FAILURE, reason="agent-error", exit_code=1, message="the tests are red")


def told(name: str = "t", ending: Ending = GOOD, **results: str) -> Told:
    task = {"metadata": {"name": name}, "status": {"phase": "Succeeded", "results": results}}
    return Told(task=task, values=outputs_of(task, ending, Facts(namespace="ci")).by_name)


def values(**known: str) -> dict[str, str]:
    return {**dict.fromkeys(OUTPUTS, ""), **known}


def read(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def rows(text: str) -> list[list[str]]:
    """The cells of every row as a reader sees them."""
    found: list[list[str]] = []
    for token in read(text):
        if token.type == "tr_open":
            found.append([])
        elif token.type == "inline" and token.level >= 4:
            found[-1].append("".join(child.content for child in token.children or ()))
    return found


def inline(text: str) -> list[Token]:
    return [child for token in read(text) for child in token.children or ()]


def links(text: str) -> list[str]:
    return [str(token.attrGet("href")) for token in inline(text) if token.type == "link_open"]


def test_one_task_is_a_table_of_its_values():
    """What is not known has no row."""
    one = told(branch="fix", commit="a" * 40, pr=PULL)

    text = summary_of(one.values, {"task": one}, ALONE)

    assert [
        ["Conclusion", "success"],
        ["Task", "t"],
        ["Namespace", "ci"],
        ["Branch", "fix"],
        ["Commit", "a" * 40],
        ["Pull request", PULL],
    ] == rows(text)


def test_pull_request_and_commit_are_links_to_the_same_repository():
    """The URL was checked to be one of this server."""
    one = told(commit="a" * 40, pr=PULL)

    assert [f"https://github.com/acme/shop/commit/{'a' * 40}", PULL] == links(
        summary_of(one.values, {"task": one}, ALONE)
    )


@given(st.text(), st.text(), st.text())
def test_no_value_becomes_a_link_an_image_or_markup(branch, model, session):
    """Agents name branches and models: what they write is code, whatever it looks like."""
    text = summary_of(
        values(conclusion="success", **{"branch": _line(branch), "model": _line(model), "task-name": _line(session)}),
        {},
        ALONE,
    )

    kinds = {token.type for token in inline(text)}
    assert kinds <= {"text", "code_inline", "softbreak"}
    assert 2 == {len(row) for row in rows(text)}.pop()


def _line(text: str) -> str:
    """What `outputs_of` lets pass at most."""
    return "".join(letter for letter in text if letter.isprintable())


@pytest.mark.parametrize("hostile", ["![x](http://evil)", "[a](http://evil)", "<img src=x>", "a|b`c", "http://evil"])
def test_known_tricks_are_code(hostile):
    """Tracking images, fake links and broken tables."""
    text = summary_of(values(branch=hostile), {}, ALONE)

    assert ["Branch", hostile.replace("`", "'")] in rows(text)
    assert [] == links(text)


def test_a_chain_is_a_graph_and_a_row_for_each_task():
    """One sees at a glance where it broke and what it cost."""
    chain = (
        Link(key="scaffold", is_last=False),
        Link(key="tests", needs=("scaffold",), is_last=False),
        Link(key="pr", needs=("scaffold", "tests")),
    )
    tasks = {
        "scaffold": told("run-scaffold", **{"cost-usd": "0.25"}),
        "tests": told("run-tests", BAD, **{"cost-usd": "0.5"}),
        "pr": told("run-pr", Ending(conclusion=Conclusion.FAILURE, reason="dependency-failed")),
    }

    text = summary_of(values(**{"conclusion": "failure", "cost-usd": "0.75"}), tasks, chain)

    assert [
        ["Task", "Conclusion", "Reason", "Cost (USD)"],
        ["scaffold", "success", "", "0.25"],
        ["tests", "failure", "agent-error", "0.5"],
        ["pr", "failure", "dependency-failed", ""],
        ["Together", "failure", "", "0.75"],
    ] == rows(text)
    (graph,) = [token for token in read(text) if token.type == "fence"]
    assert "mermaid" == graph.info
    assert [
        "flowchart LR",
        't1["scaffold<br>success"]:::good',
        't2["tests<br>failure"]:::bad',
        't3["pr<br>failure"]:::bad',
        "t1 --> t2",
        "t1 --> t3",
        "t2 --> t3",
    ] == [line.strip() for line in graph.content.splitlines()][:7]


def test_a_chain_fits_the_page():
    """Commits and links in full would push the rest off the screen."""
    one = told(commit="a" * 40, pr=PULL)

    text = summary_of(values(), {"a": one, "b": told(commit="b" * 40)}, (Link(key="a"), Link(key="b")))

    assert [["Task", "Conclusion", "Commit", "Pull request"], ["a", "success", "aaaaaaaaaa", "#7"]] == rows(text)[:2]
    assert ["b", "success", "bbbbbbbbbb", ""] == rows(text)[2]
    assert [f"https://github.com/acme/shop/commit/{'a' * 40}", PULL] == links(text)


def test_tasks_that_do_not_depend_on_each_other_have_no_graph():
    """Boxes without arrows tell nothing that the table does not."""
    text = summary_of(values(), {"a": told(), "b": told()}, (Link(key="a"), Link(key="b")))

    assert "mermaid" not in text


@pytest.mark.parametrize(
    "answer", ["I fixed it", "```\nout of the fence\n```", "<script>x</script>", "````\n# a\n````"]
)
def test_a_full_summary_has_the_answer_as_plain_text(answer):
    """Somebody asked for the agent's words, not for its markup."""
    one = told(response=base64.b64encode(answer.encode()).decode())

    text = summary_of(one.values, {"task": one}, ALONE, is_full=True)

    (fence,) = [token for token in read(text) if token.type == "fence"]
    assert (answer, "text") == (fence.content.rstrip("\n"), fence.info)
    assert ["<details><summary>Answer</summary>", "</details>"] == [
        token.content.strip() for token in read(text) if token.type == "html_block"
    ]


def test_the_answer_is_there_only_when_asked_for():
    """By default a summary holds no word that an agent wrote."""
    one = told(response=base64.b64encode(b"I fixed it").decode())

    assert "I fixed it" not in summary_of(one.values, {"task": one}, ALONE)


def test_a_summary_that_would_make_the_runner_drop_everything_is_left_out(tmp_path: Path):
    """Past 1 MiB the whole of the step's summary is lost, ours or not."""
    path = tmp_path / "summary"
    path.write_text("x" * LIMIT_BYTES)

    write_summary(path, "more")

    assert LIMIT_BYTES == path.stat().st_size
