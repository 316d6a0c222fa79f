"""TaskSpawners through the command line, against a plane that runs. They are suspended: nobody is asked for work."""

from __future__ import annotations

import json

import pytest
import yaml

import make
from admission import seeds, trimmed_seed, whole_seeds

from .person import Person


def written(name: str, **spec: object) -> str:
    """A TaskSpawner for standard input."""
    manifest = make.task_spawner_manifest(name, suspend=True, **spec)
    return json.dumps({**manifest, "metadata": {"name": name}})


def test_a_spawner_is_applied_read_and_deleted(neighbour: Person) -> None:
    """Its whole life on the command line, by every word for it."""
    first = neighbour.run("apply", "-f", "-", stdin=written("bugs", maxConcurrency=3)).stdout
    again = neighbour.run("apply", "-f", "-", stdin=written("bugs", maxConcurrency=3)).stdout
    table = neighbour.run("get", "taskspawners").stdout.splitlines()
    name = neighbour.run("get", "ts", "bugs", "-o", "name").stdout
    spec = neighbour.get("taskspawner", "bugs")["spec"]
    gone = neighbour.run("delete", "ts", "bugs").stdout

    assert ("taskspawner/bugs created\n", "taskspawner/bugs unchanged\n") == (first, again)
    assert ["NAME", "SOURCE", "PHASE", "ACTIVE", "DISCOVERED", "TASKS", "AGE"] == table[0].split()
    assert ["bugs", "GitHub", "Issues", "Suspended"] == table[1].split()[:4]
    assert ("taskspawner/bugs\n", 3) == (name, spec["maxConcurrency"])
    assert "taskspawner/bugs deleted\n" == gone


def test_a_wide_table_tells_more(neighbour: Person) -> None:
    """What is too long for every day."""
    neighbour.run("apply", "-f", "-", stdin=written("nightly", when={"cron": {"schedule": "0 3 * * *"}}))
    header, line = neighbour.run("get", "ts", "nightly", "-o", "wide").stdout.splitlines()

    assert "AGE   WORKSPACE   LAST DISCOVERY   MESSAGE" in header
    assert line.startswith("nightly   cron: 0 3 * * *   Suspended")
    assert "repo" == line[header.index("WORKSPACE") :].split()[0]
    neighbour.run("delete", "ts", "nightly")


def test_a_spawner_is_suspended_and_resumed(neighbour: Person) -> None:
    """It says what changed, and when nothing did."""
    neighbour.run(
        "apply", "-f", "-", stdin=written("pause", when={"webhook": {"source": "a", "fieldMapping": {"id": "$.id"}}})
    )

    resumed = neighbour.run("resume", "taskspawner", "pause")
    is_suspended = neighbour.get("ts", "pause")["spec"]["suspend"]
    twice = neighbour.run("resume", "ts", "pause")
    suspended = neighbour.run("suspend", "ts", "pause")
    again = neighbour.run("suspend", "taskspawners", "pause")

    assert ("taskspawner/pause resumed\n", False) == (resumed.stdout, is_suspended)
    assert "taskspawner/pause is not suspended\n" == twice.stdout
    assert "taskspawner/pause suspended\n" == suspended.stdout
    assert "Its Tasks that run go on; 'kelos resume taskspawner pause'" in suspended.stderr
    assert ("taskspawner/pause is already suspended\n", "") == (again.stdout, again.stderr)
    assert neighbour.get("ts", "pause")["spec"]["suspend"]
    neighbour.run("delete", "ts", "pause")


def test_several_are_suspended_resumed_and_deleted_at_once(neighbour: Person) -> None:
    """The names that are right count, whatever stands beside them."""
    for name in ("east", "west"):
        neighbour.run("apply", "-f", "-", stdin=written(name, when={"cron": {"schedule": "0 3 * * *"}}))

    resumed = neighbour.run("resume", "ts", "east", "nobody", "west", code=3)
    suspended = neighbour.run("suspend", "taskspawner/east", "taskspawner/west").stdout
    deleted = neighbour.run("delete", "ts", "east", "west").stdout

    assert "taskspawner/east resumed\ntaskspawner/west resumed\n" == resumed.stdout
    assert 'taskspawners.kelos.dev "nobody" not found' in resumed.stderr
    assert "taskspawner/east suspended\ntaskspawner/west suspended\n" == suspended
    assert "taskspawner/east deleted\ntaskspawner/west deleted\n" == deleted


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("suspend", "ts", "nobody"), 3, 'taskspawners.kelos.dev "nobody" not found in namespace'),
        (("suspend", "task", "x"), 2, "A task cannot be suspended or resumed, only a taskspawner can; 'kelos cancel'"),
        (("resume", "ws", "x"), 2, "A workspace cannot be suspended or resumed, only a taskspawner can"),
        (("suspend",), 2, "Missing argument 'RESOURCE'"),
        (("resume", "ts"), 2, "Missing argument 'NAME'"),
        (("get", "ts", "--phase", "running"), 2, "--phase is about Tasks; leave it out for taskspawners"),
    ],
)
def test_a_mistake_is_a_sentence_and_a_code(
    neighbour: Person, words: tuple[str, ...], code: int, sentence: str
) -> None:
    """It names the object and what to try."""
    assert sentence in neighbour.run(*words, code=code).stderr


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_what_no_server_sees_is_told_when_it_is_applied(neighbour: Person, words: tuple[str, ...]) -> None:
    """Ten minutes later nobody remembers what might be wrong."""
    cron = {"schedule": "61 * * * *"}
    done = neighbour.run("apply", "-f", "-", *words, stdin=written("odd", when={"cron": cron}))

    assert "taskspawner/odd created" in done.stdout
    expected = "Warning: taskspawner/odd creates nothing until this is mended: spec.when.cron.schedule: "
    assert done.stderr.startswith(expected)
    if not words:
        neighbour.run("delete", "ts", "odd")


def test_what_the_reference_prints_is_applied(neighbour: Person) -> None:
    """Every TaskSpawner of its pages, as it stands there but suspended."""
    printed = whole_seeds("TaskSpawner")
    paused = [{**seed, "spec": {**seed["spec"], "suspend": True}} for seed in printed]
    said = neighbour.run("apply", "-f", "-", stdin=yaml.safe_dump_all(paused)).stdout.splitlines()
    neighbour.run("delete", "taskspawners", "--all", "--yes")

    assert [f"taskspawner/{seed['metadata']['name']}" for seed in printed] == [line.split()[0] for line in said]


def test_a_mistake_in_a_spawner_is_refused_with_what_is_right(neighbour: Person) -> None:
    """By the server's rules, and for invented fields before anything is sent."""
    trimmed = neighbour.run("apply", "-f", "-", stdin=yaml.safe_dump(trimmed_seed()), code=3).stderr
    invented = neighbour.run(
        "apply", "-f", "-", stdin=yaml.safe_dump(seeds("field-guide", "TaskSpawner")[1]), code=2
    ).stderr
    misspelt = neighbour.run("apply", "-f", "-", stdin=written("typo", maxConcurency=1), code=3).stderr
    slack = neighbour.run("apply", "-f", "-", stdin=written("talk", when={"slack": {}}), code=3).stderr

    assert "taskTemplate.workspaceRef (or worker.workspaceRef) must be set" in trimmed
    assert "TaskSpawner 'issue-implementer' in '-': spec.source is no field: use spec.when; spec.template" in invented
    assert "maxConcurency" in misspelt
    assert "slack may not be set: Slack is not supported here" in slack
