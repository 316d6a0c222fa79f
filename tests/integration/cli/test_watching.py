"""Ctrl-C ends what a person watches, not what runs in the cluster."""

from __future__ import annotations

import signal

from .person import Person, tells


def test_an_interrupt_stops_watching_and_says_how_to_stop_the_task(neighbour: Person) -> None:
    """A closed laptop must not waste an hour of work."""
    run = neighbour.start("run", "--type", "demo", "-p", "say working\nsleep 300", "--name", "long", "--wait")
    tells(run, "working")
    run.send_signal(signal.SIGINT)
    said = tells(run, "Interrupted")

    assert 130 == run.wait(30)
    assert "No longer watching; task/long goes on. Stop it: kelos cancel long -n default" in said
    assert "Running" == neighbour.get("task", "long")["status"]["phase"]
    assert run.stdout is not None
    run.stdout.close()


def test_a_task_deleted_under_its_watcher_ends_the_watching(neighbour: Person) -> None:
    """It says that it was deleted, and does not claim that it goes on."""
    run = neighbour.start("run", "--type", "demo", "-p", "say working\nsleep 300", "--name", "gone", "--wait")
    tells(run, "working")
    neighbour.run("delete", "task", "gone")
    said = tells(run, "deleted")

    assert 3 == run.wait(30)
    assert "Task 'gone' was deleted while it was followed" in said
    assert "goes on" not in said
    assert run.stdout is not None
    run.stdout.close()


def test_all_tasks_are_deleted_at_once(neighbour: Person) -> None:
    """With --yes, in one namespace; the processes of those that run end."""
    for name in ("a", "b"):
        neighbour.run("run", "--type", "demo", "-p", "sleep 300", "--name", name)

    deleted = neighbour.run("delete", "tasks", "--all", "--yes").stdout
    assert {"task/a deleted", "task/b deleted"} <= set(deleted.splitlines())
    assert "No tasks found in namespace 'default'\n" == neighbour.run("delete", "tasks", "--all", "-y").stderr
