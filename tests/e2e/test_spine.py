"""Tasks on a real node: our images, our controller in its Deployment, and the command line."""

from __future__ import annotations

from realcluster.waiting import wait_for

from .installation import Installation
from .leftovers import assert_left

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


def test_a_task_runs_and_its_answer_comes_back(place: Installation) -> None:
    """In a namespace that enforces Pod Security "restricted"; the pod is let go."""
    place.kubectl("label", "namespace", place.namespace, RESTRICTED)

    done = place.run("hello", "say hello", "--wait")

    assert 0 == done.returncode, done.stderr
    assert "hello" in done.stdout
    assert "Succeeded" == place.status("hello")["phase"]
    assert_left(place, "Job/hello", "Pod/hello")


def test_an_agents_failure_is_told_with_its_reason(place: Installation) -> None:
    done = place.run("broken", "fail the tests are red", "--wait")

    status = place.status("broken")
    assert (1, "Failed", "AgentError") == (done.returncode, status["phase"], status["reason"])
    assert "the tests are red" in status["message"]


def test_a_prompt_arrives_byte_for_byte(place: Installation) -> None:
    """Kubernetes expands nothing in it, and no shell sees it."""
    hostile = "say $(HOME) ${HOME} `id` \"quoted\" 'single' \\ EOF"

    done = place.run("hostile", hostile, "--wait")

    assert hostile.removeprefix("say ") in done.stdout


def test_a_cancelled_task_ends_its_agent(installation: Installation) -> None:
    """Nothing keeps spending: the container is gone, the Job too, and the Task says who asked."""
    installation.run("sleeper", "sleep 600")
    installation.until("sleeper", "Running")

    done = installation.kelos("cancel", "sleeper")

    assert 0 == done.returncode, done.stderr
    assert "Cancelled" == installation.until("sleeper", "Failed")["reason"]
    wait_for("its pod to be gone", lambda: not installation.pods(), 60)


def test_a_task_survives_its_controller(installation: Installation) -> None:
    """Killed in the middle, and started anew by its Deployment: one agent, one outcome."""
    installation.run("steady", "sleep 8\nsay done")
    installation.until("steady", "Running")

    installation.kill_controller()

    status = installation.until("steady", "Succeeded")
    assert 1 == len(status["attempts"]), status
    assert 1 == len(installation.pods())
