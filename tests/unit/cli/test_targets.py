"""How objects are named on a command line."""

from __future__ import annotations

import pytest

from kelos.cli.kinds import find_resource
from kelos.cli.targets import find_targets, names_of
from kelos.errors import UserError


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ts", "a", "b"), ("taskspawner", ("a", "b"))),
        (("task", "a", "a"), ("task", ("a",))),
        (("tasks",), ("task", ())),
        (("task/a",), ("task", ("a",))),
        (("task/a", "tasks/b"), ("task", ("a", "b"))),
        (("task.kelos.dev/a",), ("task", ("a",))),
        (("task", "task/a"), ("task", ("a",))),
    ],
)
def test_names_are_written_as_for_kubectl(words: tuple[str, ...], expected: tuple[str, tuple[str, ...]]):
    """What `-o name` prints, ours and kubectl's, can be piped into the next command."""
    resource, names = find_targets(words[0], words[1:])

    assert expected == (resource.words[0], names)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("task/a", "b"), "'task/a' names its kind and 'b' does not; write task/b, or task NAME NAME"),
        (("task/a", "ws/b"), "'ws/b' is no task; name one kind at a time"),
        (("task", "ws/b"), "'ws/b' is no task; name one kind at a time"),
        (("task/",), "'task/' names no task; add its name"),
        (("pod/a",), "'pod' is no resource of kelos"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake(words: tuple[str, ...], sentence: str):
    with pytest.raises(UserError, match=sentence):
        find_targets(words[0], words[1:])


def test_a_task_is_called_by_its_name_or_as_it_is_printed():
    """`kelos run` prints task/NAME, and that is what people copy."""
    assert ("a", "b") == names_of(find_resource("task"), ("a", "task/b"))
