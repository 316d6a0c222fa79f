"""A cancelled workflow: the runner signals the entry process as it really does, and the agent stops spending."""

import json
import os
import re
import signal
import subprocess
import sys
import threading

import pytest

from fakes.kubernetes import FakeKubernetes, Fault
from fakes.runner import ROOT, Job, parse_outputs

BASIC = {"prompt": "Fix the bug", "credentials-secret": "claude"}
CANCEL = "kelos.dev/cancel-requested"


@pytest.fixture
def cancel(kubernetes: FakeKubernetes) -> threading.Event:
    """Set once the Task runs and is watched."""
    now = threading.Event()

    def run(task):
        kubernetes.set_status(task["metadata"]["name"], phase="Running")
        kubernetes.wait_for(lambda: kubernetes.count("watch=true"), "the watch opens")
        now.set()

    kubernetes.on_create = run
    return now


def annotations(kubernetes: FakeKubernetes) -> dict[str, str]:
    return kubernetes.task()["metadata"]["annotations"]


def test_a_cancelled_step_cancels_its_task_and_keeps_its_outputs(job: Job, kubernetes: FakeKubernetes, cancel):
    """The handler has 7.5 seconds until SIGTERM; a caller's `if: always()` step still learns what was started."""
    result = job.use(with_=BASIC, cancel_when=cancel)

    assert [signal.SIGINT] == result.signals["Run the Task"]
    assert 130 == result.codes["Run the Task"], result.log
    assert ("cancelled", "cancelled", kubernetes.task()["metadata"]["uid"]) == (
        result.outputs["conclusion"],
        result.outputs["failure-reason"],
        result.outputs["task-uid"],
    )
    request = json.loads(annotations(kubernetes)[CANCEL])
    assert ("the workflow run https://github.com/acme/widgets/actions/runs/16", "the workflow run was cancelled") == (
        request["by"],
        request["why"],
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", request["at"])
    assert 1 == kubernetes.count(f"^PATCH .*/{kubernetes.task()['metadata']['name']}$")


def test_a_second_try_follows_a_failed_one(job: Job, kubernetes: FakeKubernetes, cancel):
    """One lost packet must not leave a pod that spends."""
    kubernetes.faults.append(Fault("^PATCH", drop=True))

    result = job.use(with_=BASIC, cancel_when=cancel)

    assert (130, True) == (result.codes["Run the Task"], CANCEL in annotations(kubernetes))


def test_the_reaper_ends_what_the_handler_could_not(job: Job, kubernetes: FakeKubernetes, cancel):
    """The step after it runs on a job cancel too, and has more time."""
    kubernetes.faults.append(Fault("^PATCH", status=503, times=3))

    result = job.use(with_=BASIC, cancel_when=cancel)

    assert (130, True) == (result.codes["Run the Task"], CANCEL in annotations(kubernetes))
    assert "is not confirmed as cancelled" in result.outputs["message"]
    assert "was still running and is cancelled now" in result.log


def test_a_server_that_hangs_does_not_hold_the_handler(job: Job, kubernetes: FakeKubernetes, cancel):
    """Whatever the network does, the outputs are written before the runner's SIGTERM."""
    release = threading.Event()
    kubernetes.faults.append(Fault("^PATCH", times=2, hold=release))

    def thaw() -> None:
        cancel.wait(60)
        job.running.wait(60)
        release.set()

    threading.Thread(target=thaw, daemon=True).start()

    result = job.use(with_=BASIC, cancel_when=cancel)

    assert (130, [signal.SIGINT]) == (result.codes["Run the Task"], result.signals["Run the Task"]), result.log
    assert "cancelled" == result.outputs["conclusion"]


def test_a_cancel_during_the_create_leaves_no_task_running(job: Job, kubernetes: FakeKubernetes):
    """The POST is on its way; its answer names the Task that must end."""
    now, answer = threading.Event(), threading.Event()
    kubernetes.faults.append(Fault("^POST", hold=answer))

    def play() -> None:
        kubernetes.wait_for(lambda: kubernetes.count("^POST"), "the create is sent")
        now.set()
        threading.Timer(0.5, answer.set).start()

    threading.Thread(target=play, daemon=True).start()

    result = job.use(with_=BASIC, cancel_when=now)

    assert (130, True) == (result.codes["Run the Task"], CANCEL in annotations(kubernetes)), result.log


@pytest.mark.parametrize(("policy", "conclusion"), [("detach", "detached"), ("delete", "cancelled")])
def test_the_user_may_choose_another_end(job: Job, kubernetes: FakeKubernetes, cancel, policy, conclusion):
    """Detached Tasks go on and never had a lease, so that a killed runner does not end them either."""
    result = job.use(with_={**BASIC, "on-cancel": policy}, cancel_when=cancel)

    assert (130, conclusion) == (result.codes["Run the Task"], result.outputs["conclusion"])
    assert (policy == "detach") == (len(kubernetes.tasks) == 1)
    if policy == "detach":
        assert {CANCEL, "kelos.dev/client-lease"}.isdisjoint(annotations(kubernetes))
        assert 0 == kubernetes.count("^PATCH")


def test_a_killed_step_is_ended_by_the_reaper(job: Job, kubernetes: FakeKubernetes):
    """Nobody can catch SIGKILL; the note that names the Task was written before the create."""

    def kill(task):
        kubernetes.set_status(task["metadata"]["name"], phase="Running", podName="p")
        kubernetes.wait_for(lambda: kubernetes.count("/pods/p"), "the create was taken note of, and the log is wanted")
        job.running.send_signal(signal.SIGKILL)

    kubernetes.on_create = kill

    result = job.use(with_=BASIC)

    assert (-9, True) == (result.codes["Run the Task"], CANCEL in annotations(kubernetes))
    assert kubernetes.task()["metadata"]["name"] == result.outputs["task-name"], "the early outputs were written"


def test_a_step_that_runs_out_of_time_ends_its_task_itself(job: Job, kubernetes: FakeKubernetes, cancel):
    """`timeout-minutes` of a step ends the steps after it too, the reaper among them: the handler is all there is."""
    result = job.use(with_=BASIC, time_up_when=cancel)

    assert {"Find Python": 0, "Run the Task": 130} == result.codes, result.log
    assert ("cancelled", True) == (result.outputs["conclusion"], CANCEL in annotations(kubernetes))


def test_the_reaper_leaves_a_finished_task_alone(job: Job, kubernetes: FakeKubernetes):
    """It runs after every step, and mostly has nothing to do."""
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])

    job.use(with_=BASIC)

    assert 0 == kubernetes.count("^(PATCH|DELETE)")


def test_the_lease_names_its_holder_from_the_start(job: Job, kubernetes: FakeKubernetes, cancel):
    """A runner that dies in the first second has a lease already."""
    job.use(with_={**BASIC, "lease": "60s"}, cancel_when=cancel)

    assert {"holder": "acme/widgets/16/1", "count": 0, "seconds": 60} == json.loads(
        annotations(kubernetes)["kelos.dev/client-lease"]
    )


@pytest.mark.parametrize(("policy", "has_lease"), [("cancel", True), ("delete", True), ("detach", False)])
def test_every_task_that_shall_end_with_the_step_has_a_lease(job: Job, kubernetes: FakeKubernetes, policy, has_lease):
    """A runner that is killed can delete nothing either."""
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])

    job.use(with_={**BASIC, "on-cancel": policy})

    assert has_lease == ("kelos.dev/client-lease" in annotations(kubernetes))


def test_a_second_signal_ends_the_step_at_once(job: Job, kubernetes: FakeKubernetes, cancel):
    """Somebody is in a hurry, so nothing is concluded any more; the reaper and the lease do the rest."""
    release = threading.Event()
    kubernetes.faults.append(Fault("^PATCH", hold=release))

    def insist() -> None:
        cancel.wait(60)
        kubernetes.wait_for(lambda: kubernetes.count("^PATCH"), "the handler is at work")
        job.running.send_signal(signal.SIGTERM)
        job.running.wait(60)
        release.set()

    thread = threading.Thread(target=insist)
    thread.start()
    result = job.use(with_=BASIC, cancel_when=cancel)
    thread.join()

    assert (130, True) == (result.codes["Run the Task"], CANCEL in annotations(kubernetes))
    assert "" == result.outputs["conclusion"]


# Stands for the entry point on a machine so slow that the signal comes while modules are still loaded.
SLOW_START = """
import os, runpy, signal, sys
class Hook:
    def find_spec(self, name, path=None, target=None):
        if name == "kelos.action.cancel":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Hook())
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_a_signal_before_all_modules_are_there_has_an_ending_too(kubernetes: FakeKubernetes, tmp_path):
    """The first tenth of a second of a step, and more of it on a busy machine."""
    (tmp_path / "kubeconfig.json").write_text(json.dumps(kubernetes.kubeconfig))
    env = {
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "KELOS_STATE": str(tmp_path / "state"),
        "KELOS_INPUT_KUBECONFIG": str(tmp_path / "kubeconfig.json"),
        "KELOS_INPUT_PROMPT": "Fix it",
        "KELOS_INPUT_CREDENTIALS_SECRET": "claude",
    }

    command = [sys.executable, "-I", "-c", SLOW_START, str(ROOT / "src/kelos/action/__main__.py")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)

    assert (130, "") == (done.returncode, done.stderr)
    assert "cancelled" == parse_outputs((tmp_path / "output").read_text())["conclusion"]
    assert {} == kubernetes.tasks


def test_a_signal_before_the_submit_has_an_ending_too(job: Job, kubernetes: FakeKubernetes, tmp_path):
    """A login plugin may take its time, and the user none."""
    now = threading.Event()
    pipe, script = job.folder / "asked", job.folder / "login"
    os.mkfifo(pipe)
    script.write_text(f"#!/bin/sh\necho now > {pipe}\nexec sleep 30\n")
    script.chmod(0o755)
    document = kubernetes.kubeconfig
    document["users"][0]["user"] = {"exec": {"command": str(script), "apiVersion": "client.authentication.k8s.io/v1"}}
    (job.folder / "kubeconfig.json").write_text(json.dumps(document))
    threading.Thread(target=lambda: (pipe.read_text(), now.set()), daemon=True).start()

    result = job.use(with_=BASIC, cancel_when=now)

    assert (130, "cancelled") == (result.codes["Run the Task"], result.outputs["conclusion"])
    assert {} == kubernetes.tasks
