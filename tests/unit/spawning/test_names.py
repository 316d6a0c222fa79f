"""A Task's name is how a crash, a second leader and a person find it again."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import make
from kelos.api.work_item import Trigger, WorkItem
from kelos.errors import UserError
from kelos.spawning.making.names import task_name

LEGAL = re.compile(r"(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def item(key="7", trigger="", **variables):
    return WorkItem(key=key, trigger=Trigger(key=trigger), variables={"Title": "Fix it", "Number": 7, **variables})


def spawner(name="bugs", template=""):
    spec = {"nameTemplate": template} if template else {}
    return make.task_spawner(name, taskTemplate={"type": "demo", "credentials": {"type": "none"}, **spec})


@pytest.mark.parametrize(
    ("name", "key", "expected"),
    [
        ("bugs", "7", "bugs-7"),
        ("jira", "ENG-42", "jira-eng-42"),
        ("nightly", "20260207-0900", "nightly-20260207-0900"),
        ("team.bugs", "7", "team.bugs-7"),
    ],
)
def test_the_first_task_of_an_item_is_called_after_both(name, key, expected):
    """These are the names of the reference: its Tasks are found when a cluster moves to us."""
    assert expected == task_name(spawner(name), item(key))


def test_a_later_trigger_gives_another_name():
    """The old Task stays; each comment and each attempt has a Task of its own."""
    triggers = [("", 0), ("comment:1", 0), ("comment:2", 0), ("comment:2", 1), ("", 1)]
    later = [task_name(spawner(), item(trigger=key), is_first=False, attempt=attempt) for key, attempt in triggers]

    assert len(triggers) == len(set(later))
    assert all(re.fullmatch(r"bugs-7-[0-9a-f]{8}", name) for name in later)


@given(
    st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True),
    st.lists(st.text(min_size=1, max_size=80), min_size=2, max_size=4, unique_by=str.lower),
    st.booleans(),
)
def test_every_name_is_legal_and_every_item_has_its_own(name, keys, is_first):
    """Keys come from outside and may be any text; a Task that could not be created would be tried for ever."""
    named = [task_name(spawner(name), item(key), is_first=is_first) for key in keys]

    assert all(LEGAL.fullmatch(one) for one in named)
    assert len(keys) == len(set(named))
    assert named == [task_name(spawner(name), item(key), is_first=is_first) for key in keys]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("fix-{{.Number}}", "fix-7"),
        ("Fix It: {{.Title}}!", "fix-it--fix-it"),
        ("a.-b-..{{.Number}}", "a.b.7"),
        ("-{{.Number}}-", "7"),
        ('{{with index . "Branch"}}{{.}}{{else}}main{{end}}', "main"),
        ("ü{{.Number}}", "7"),
    ],
)
def test_a_template_makes_the_name(template, expected):
    """What is no legal character becomes a dash."""
    assert expected == task_name(spawner(template=template), item())


def test_a_long_name_keeps_what_tells_it_from_others():
    """Cut alone, all Tasks of a long title would have the same name."""
    names = {task_name(spawner(template="{{.Title}}"), item(Title="x" * 70 + end)) for end in "ab"}

    assert 2 == len(names)
    assert all(LEGAL.fullmatch(name) for name in names)


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("{{.Number", "Template line 1, column 10: the action is not closed"),
        ("{{.Nmuber}}", "Template line 1, column 3: there is no entry 'Nmuber'"),
        ('{{index . "X"}}', "uses a variable that the item does not have: write {{with …}} around it"),
        ("{{.Title}}", "gives '修正', of which no legal name is left: use letters or digits in it"),
        ("{{.Context.owner}}", "must not use 'Context': a Task has its name before its context is fetched"),
        ("{{$.Context}}", "must not use 'Context'"),
        ('{{index . "Context"}}', "must not use 'Context'"),
        ("{{index . `Context`}}", "must not use 'Context'"),
        ("{{if .Number}}x{{else}}{{(.Context).a}}{{end}}", "must not use 'Context'"),
        ('{{define "a"}}{{.Context}}{{end}}x', "must not use 'Context'"),
    ],
)
def test_what_gives_no_name_is_told(template, sentence):
    """The sentence becomes the condition of the spawner."""
    with pytest.raises(UserError) as refused:
        task_name(spawner(template=template), item(Title="修正"))

    assert str(refused.value).startswith(f"taskTemplate.nameTemplate: {sentence}")


@given(st.text(max_size=100), st.sampled_from(["{{.Title}}", "{{.Title}}.{{.Title}}", "x-{{.Title}}"]), st.booleans())
def test_any_title_gives_a_legal_name_or_a_sentence(title, template, is_first):
    """Titles are strangers' text."""
    try:
        name = task_name(spawner(template=template), item(Title=title), is_first=is_first)
    except UserError:
        return

    assert LEGAL.fullmatch(name)
