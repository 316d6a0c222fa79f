"""What the network, the API server and other people do to a step that follows its Task."""

import json
import re
import threading
from pathlib import Path
from queue import SimpleQueue

import pytest

from fakes.kubernetes import FakeKubernetes, Fault, Log
from fakes.runner import Job, commands
from kelos.action.api.client import Api
from kelos.action.api.credentials import Credentials
from kelos.action.api.kubeconfig import parse
from kelos.action.api.patience import Patience
from kelos.action.inputs import ActionInputs
from kelos.action.log.stream import LogStream
from kelos.action.news.threads import outage_seconds

CANCEL = "kelos.dev/cancel-requested"
BASIC = {"prompt": "Fix the bug", "credentials-secret": "claude"}


def when_watched(kubernetes: FakeKubernetes, then) -> None:
    """Call `then(name)` once the Task's first watch is open."""

    def run(task):
        kubernetes.wait_for(lambda: any("watch=true" in request for request in kubernetes.requests), "the watch opens")
        then(task["metadata"]["name"])

    kubernetes.on_create = run


@pytest.mark.parametrize(
    "fault",
    [
        Fault(r"^POST", drop=True),
        Fault(r"^POST", drop=True, after=True),
        Fault(r"^POST", status=503),
        Fault(r"^POST", status=429, reason="TooManyRequests", headers={"Retry-After": "1"}),
        Fault(r"^POST", status=500, times=3),
        Fault(r"^POST", status=408),
        Fault(r"^(POST|GET)", drop=True, times=3),
    ],
    ids=["lost", "reply-lost", "503", "429", "500-thrice", "408", "lost-with-the-look-ups"],
)
def test_one_task_is_created_however_the_create_fails(job: Job, kubernetes: FakeKubernetes, fault):
    """A create whose answer was lost may have counted, so it is looked for before it is sent again."""
    kubernetes.faults.append(fault)
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])

    result = job.use(with_=BASIC)

    assert (0, "true", 1) == (result.code, result.outputs["created"], len(kubernetes.tasks)), result.log
    assert fault.after == (kubernetes.count("^POST") == 1)


@pytest.mark.parametrize(("policy", "ends"), [("cancel", "cancelled"), ("delete", "deleted"), ("detach", "")])
def test_a_create_that_nobody_confirmed_is_not_left_behind(job: Job, kubernetes: FakeKubernetes, policy, ends):
    """It counted, its answer was lost, and then the server was away for too long: no lease will end it."""
    kubernetes.faults += [
        Fault("^POST", drop=True, after=True),
        Fault("^GET", times=2, headers={"Retry-After": "9"}),
    ]

    result = job.use(with_={**BASIC, "lease": "0", "api-outage-timeout": "1s", "on-cancel": policy})

    assert (3, "api-error", 1) == (result.code, result.outputs["failure-reason"], kubernetes.count("^POST"))
    assert "may have been created" in result.outputs["message"]
    has_ended = "cancelled" if kubernetes.tasks else "deleted"
    if kubernetes.tasks and CANCEL not in kubernetes.task()["metadata"]["annotations"]:
        has_ended = ""
    assert ends == has_ended, result.log


def test_a_create_that_nobody_confirmed_is_ended_by_the_reaper_at_last(job: Job, kubernetes: FakeKubernetes):
    """The step gives it four seconds, the one after it half a minute."""
    kubernetes.faults += [
        Fault("^POST", drop=True, after=True),
        Fault("^GET", times=3, headers={"Retry-After": "9"}),
        Fault("^PATCH", times=2),
    ]

    result = job.use(with_={**BASIC, "lease": "0", "api-outage-timeout": "1s"})

    name = kubernetes.task()["metadata"]["name"]
    assert f"Task '{name}' may have been created and may run: `kelos cancel {name}` ends it" in result.log
    assert f"Task '{name}' was still running and is cancelled now" in result.log
    assert CANCEL in kubernetes.task()["metadata"]["annotations"]


def test_somebody_elses_task_of_that_name_is_left_alone(job: Job, kubernetes: FakeKubernetes):
    """People choose names; that the answer was lost does not make the Task behind one ours."""
    theirs = {"name": "nightly", "namespace": "ci", "uid": "theirs", "annotations": {}}
    kubernetes.tasks["nightly"] = {"metadata": theirs}
    kubernetes.faults += [
        Fault("^POST", drop=True),
        Fault("^GET", times=2, headers={"Retry-After": "9"}),
    ]

    result = job.use(with_={**BASIC, "name": "nightly", "lease": "0", "api-outage-timeout": "1s"})

    assert (3, "api-error") == (result.code, result.outputs["failure-reason"]), result.log
    assert 0 == kubernetes.count("^(PATCH|DELETE)")


def test_a_server_that_was_never_reached_has_no_task_of_ours(job: Job, kubernetes: FakeKubernetes):
    """A wrong address is the commonest of all faults: it is not followed by half a minute of looking for a Task."""
    document = kubernetes.kubeconfig
    document["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:9"

    result = job.use(with_={**BASIC, "kubeconfig": json.dumps(document), "lease": "0", "api-outage-timeout": "1s"})

    assert (3, "api-error") == (result.code, result.outputs["failure-reason"])
    assert "http://127.0.0.1:9 did not answer: Connection refused" in result.outputs["message"]
    assert "may" not in result.log


@pytest.mark.parametrize("status", [400, 422])
def test_a_watch_that_is_taken_for_invalid_is_done_without(job: Job, kubernetes: FakeKubernetes, status):
    """Some gateways know no watches. The Task was taken long before, so nothing about it is invalid."""
    kubernetes.faults.append(Fault("watch=true", status=status, reason="BadRequest", message="unknown query", times=9))
    when_watched(kubernetes, lambda name: kubernetes.succeed(name, results={"branch": "b"}))

    result = job.use(with_=BASIC)

    assert (0, "b") == (result.code, result.outputs["branch"]), result.log
    (warning,) = commands(result.log)
    assert "takes a watch for invalid (unknown query): the Task is read every few seconds instead" in warning


def test_a_task_that_cannot_be_read_says_what_was_refused(job: Job, kubernetes: FakeKubernetes):
    """The same from every way of reading: it is the question that is refused, and not the Task."""
    kubernetes.faults.append(Fault("^GET", status=400, reason="BadRequest", message="unknown query", times=9))

    result = job.use(with_=BASIC)

    name = kubernetes.task()["metadata"]["name"]
    assert (3, "api-error") == (result.code, result.outputs["failure-reason"]), result.log
    assert f"refuses to show Task '{name}' (unknown query): look at it with" in result.outputs["message"]
    assert CANCEL in kubernetes.task()["metadata"]["annotations"], "nobody follows it any more"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(r"watch=true", drop=True),
        Fault(r"watch=true", status=500),
        Fault(r"watch=true", status=410, reason="Expired"),
        Fault(r"watch=true", status=403, reason="Forbidden", times=9),
        Fault(r"watch=true", status=429, reason="TooManyRequests", headers={"Retry-After": "1"}),
        Fault(r"watch=true", status=401, reason="Unauthorized"),
        Fault(r"watch=true", status=504, times=3),
    ],
    ids=["dropped", "500", "410", "403-polls-instead", "429", "401", "504-thrice"],
)
def test_the_end_is_seen_however_the_watch_fails(job: Job, kubernetes: FakeKubernetes, fault):
    """Watching is a convenience; the list and the object itself are the truth."""
    kubernetes.faults.append(fault)
    when_watched(kubernetes, lambda name: kubernetes.succeed(name, results={"branch": "b"}))

    result = job.use(with_=BASIC)

    assert (0, "b") == (result.code, result.outputs["branch"]), result.log


def test_a_watch_that_never_brings_anything_is_not_relied_on(job: Job, kubernetes: FakeKubernetes):
    """Some proxies end every stream at once: the Task is then listed at the pace of polling, and not in a rush."""
    kubernetes.faults.append(Fault(r"watch=true", empty=True, times=999))
    ended = threading.Event()

    def run(task):
        kubernetes.wait_for(lambda: kubernetes.count("watch=true") >= 3, "the watch is tried again")
        kubernetes.succeed(task["metadata"]["name"], results={"branch": "b"})
        ended.set()

    kubernetes.on_create = lambda task: threading.Thread(target=run, args=(task,), daemon=True).start()

    result = job.use(with_={**BASIC, "poll-interval": "1s"})

    assert (0, "b", True) == (result.code, result.outputs["branch"], ended.is_set()), result.log
    lists = kubernetes.count(r"^GET .*/tasks\?fieldSelector=[^&]*$")
    assert 0 <= kubernetes.count("watch=true") - lists <= 1


def test_where_nobody_may_watch_the_task_is_read_at_the_given_pace(job: Job, kubernetes: FakeKubernetes):
    """The warning comes once, however long it takes."""
    kubernetes.faults.append(Fault(r"watch=true", status=403, reason="Forbidden", times=9))

    def run(task):
        kubernetes.wait_for(lambda: kubernetes.count(r"^GET .*/tasks/") >= 2, "the Task is read again")
        kubernetes.succeed(task["metadata"]["name"])

    kubernetes.on_create = lambda task: threading.Thread(target=run, args=(task,), daemon=True).start()

    result = job.use(with_={**BASIC, "poll-interval": "1s"})

    assert 0 == result.code, result.log
    assert 1 == sum("Watching Tasks is not allowed here" in line for line in result.log.splitlines())


@pytest.mark.parametrize(
    ("fault", "code", "reason", "sentence"),
    [
        (Fault("^GET", drop=True, times=999), 3, "api-error", "did not answer"),
        (Fault("^GET", status=503, times=999), 3, "api-error", "the server is on strike"),
        (
            Fault("^GET", status=401, reason="Unauthorized", times=999),
            3,
            "not-authorized",
            "the kubeconfig's credentials are wrong or expired",
        ),
        (
            Fault("^GET", status=403, reason="Forbidden", message="no get", times=999),
            3,
            "not-authorized",
            "add to the Role in namespace 'ci' the rule",
        ),
    ],
    ids=["gone", "503", "401", "403"],
)
def test_an_outage_while_following_ends_the_step_in_time(
    job: Job, kubernetes: FakeKubernetes, fault, code, reason, sentence
):
    """Without a lease the Task goes on, and the user says how long to bear it; what ended the wait is named."""
    kubernetes.on_create = lambda task: kubernetes.faults.append(fault)

    result = job.use(with_={**BASIC, "on-cancel": "detach", "api-outage-timeout": "1s"})

    assert (code, "failure", reason) == (result.code, result.outputs["conclusion"], result.outputs["failure-reason"])
    assert sentence in result.outputs["message"]
    assert 0 == kubernetes.count("^PATCH")


def test_an_outage_is_borne_as_long_as_the_lease():
    """Past that the cluster cancels by itself; without a lease the user's limit counts."""
    limits = [
        outage_seconds(ActionInputs(prompt="x", api_outage_timeout=7, **said))
        for said in ({}, {"lease": 60}, {"lease": 0}, {"on_cancel": "detach"}, {"wait": False})
    ]

    assert [180.0, 60.0, 7.0, 7.0, 7.0] == limits


def test_a_watch_that_is_told_410_lists_again(job: Job, kubernetes: FakeKubernetes):
    """The event history is short; what happened in the gap is in the list."""

    def run(name):
        with kubernetes.changed:
            kubernetes.forget_history()
            kubernetes.succeed(name)

    when_watched(kubernetes, run)

    assert 0 == job.use(with_=BASIC).code


def test_results_that_come_after_the_phase_count(job: Job, kubernetes: FakeKubernetes):
    """Other controllers write them a moment later; the next step of the workflow needs them."""

    def end(name: str) -> None:
        kubernetes.set_status(name, phase="Succeeded")
        kubernetes.set_status(name, results={"branch": "late"})

    when_watched(kubernetes, end)

    result = job.use(with_={**BASIC, "logs": "none", "require-results": "branch"})

    assert (0, "late") == (result.code, result.outputs["branch"]), result.log


def test_a_deletion_by_somebody_is_not_a_hang(job: Job, kubernetes: FakeKubernetes):
    """The Task is never made again: whoever deleted it meant it."""
    when_watched(kubernetes, kubernetes.delete)

    result = job.use(with_=BASIC)

    assert (1, "cancelled", "deleted") == (
        result.code,
        result.outputs["conclusion"],
        result.outputs["failure-reason"],
    )
    assert 1 == kubernetes.count("^POST")


def test_another_task_of_the_same_name_is_not_ours(job: Job, kubernetes: FakeKubernetes):
    """Its results must never be reported as this run's."""

    def replace(name):
        with kubernetes.changed:
            task = kubernetes.tasks[name]
            other = {**task, "metadata": {**task["metadata"], "uid": "other"}, "status": {"phase": "Succeeded"}}
            kubernetes._store("MODIFIED", name, other)

    when_watched(kubernetes, replace)

    result = job.use(with_=BASIC)

    assert (1, "failure", "deleted", "") == (
        result.code,
        result.outputs["conclusion"],
        result.outputs["failure-reason"],
        result.outputs["branch"],
    )


@pytest.mark.parametrize(
    ("fault", "code", "reason", "sentence"),
    [
        (
            Fault("^POST", status=403, reason="Forbidden", message='User "ci" cannot create resource "tasks"'),
            3,
            "not-authorized",
            'add to the Role in namespace \'ci\' the rule apiGroups ["kelos.dev"], resources ["tasks"]',
        ),
        (
            Fault("^POST", status=404, reason="NotFound", message="the server could not find the requested resource"),
            3,
            "api-error",
            "does not know tasks.kelos.dev v1alpha2: install Kelos there, as its README says",
        ),
        (
            Fault(
                "^POST",
                status=422,
                reason="Invalid",
                message="invalid",
                details={"causes": [{"field": "spec.branch", "message": "must not contain '..'"}]},
            ),
            2,
            "invalid-input",
            "spec.branch: must not contain '..'",
        ),
        (
            Fault(
                "^POST", status=422, reason="Invalid", message="ValidatingAdmissionPolicy 'ci' denied request: image"
            ),
            3,
            "policy-denied",
            "A policy of the cluster refused the Task",
        ),
        (
            Fault("^POST", status=403, reason="Forbidden", message="exceeded quota: tasks"),
            3,
            "policy-denied",
            "exceeded quota",
        ),
        (Fault("^POST", status=401, reason="Unauthorized"), 3, "not-authorized", "credentials are wrong or expired"),
    ],
    ids=["403", "no-crd", "invalid", "policy", "quota", "401"],
)
def test_a_cluster_that_refuses_is_explained(job: Job, kubernetes: FakeKubernetes, fault, code, reason, sentence):
    """Who can mend it reads what to do: the exact rule, the missing installation, the wrong field."""
    kubernetes.faults.append(fault)

    result = job.use(with_=BASIC)

    assert (code, "failure", reason) == (result.code, result.outputs["conclusion"], result.outputs["failure-reason"])
    assert sentence in result.outputs["message"]


def stamped(count: int) -> list[tuple[str, str]]:
    """Lines of which several share a stamp, as quick programs write them."""
    return [(f"2026-01-01T00:00:{n // 4:02}.{n // 2 % 2}00000000Z", f"line {n}") for n in range(count)]


@pytest.mark.parametrize("breaks", [[1], [3], [4, 6, 7], [0, 0]])
def test_a_broken_log_is_taken_up_without_gap_or_repetition(job: Job, kubernetes: FakeKubernetes, breaks):
    """The server counts in whole seconds and repeats lines; kubelets end idle streams as if they were whole."""
    kubernetes.add_pod("p", is_over=False)
    kubernetes.logs["p", "kelos-agent"] = Log(stamped(12), break_after=breaks)

    def run(name):
        kubernetes.set_status(name, phase="Running", podName="p")
        reads = len(breaks) + 1
        kubernetes.wait_for(lambda: kubernetes.count("/log?") >= reads, "the log is read again")
        kubernetes.add_pod("p")
        kubernetes.succeed(name)

    when_watched(kubernetes, run)

    result = job.use(with_=BASIC)

    assert [f"| line {n}" for n in range(12)] == [x for x in result.log.splitlines() if x.startswith("| ")]


@pytest.mark.parametrize("path", [r"/log\?", "/pods/p"])
def test_a_log_that_may_not_be_read_is_a_warning(job: Job, kubernetes: FakeKubernetes, path):
    """The status is enough for an honest end."""
    kubernetes.add_pod("p")
    kubernetes.faults.append(Fault(path, status=403, reason="Forbidden", times=9))
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"], podName="p")

    result = job.use(with_=BASIC)

    assert 0 == result.code
    (warning,) = [line for line in result.log.splitlines() if "::warning" in line]
    assert 'add resources ["pods", "pods/log"], verbs ["get"] to the Role' in warning


def test_the_log_of_a_pod_that_is_gone_is_a_warning(job: Job, kubernetes: FakeKubernetes):
    """Evicted and drained pods take their log along."""
    kubernetes.on_create = lambda task: kubernetes.fail(task["metadata"]["name"], "Evicted", podName="p")

    result = job.use(with_=BASIC)

    assert (1, "evicted") == (result.code, result.outputs["failure-reason"])
    assert "Pod 'p' is gone, and its log with it" in result.log


def test_the_log_of_a_container_that_never_started_is_waited_for_only_while_the_pod_lives(
    job: Job, kubernetes: FakeKubernetes
):
    """An image that cannot be pulled has no log; the step must not hang on it."""
    kubernetes.add_pod("p")
    kubernetes.on_create = lambda task: kubernetes.fail(task["metadata"]["name"], "ImagePull", podName="p")

    result = job.use(with_=BASIC)

    assert (1, "image-pull") == (result.code, result.outputs["failure-reason"])


class Impatience(threading.Event):
    """Waits no time, notes for how long it should have, and is set once that was ten minutes."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        if sum(self.waits) >= 600:
            self.set()
        return self.is_set()


def test_the_log_of_a_pod_that_waits_for_a_node_is_asked_for_seldom(kubernetes: FakeKubernetes):
    """Every waiting step of a night's matrix would ask the cluster several times a second; the first look is quick."""
    kubernetes.add_pod("p", is_over=False)
    target, stop, pods = parse(kubernetes.kubeconfig, folder=Path()), Impatience(), SimpleQueue()
    for pod in ("p", None):
        pods.put(pod)
    patience = Patience(60.0, clock=lambda: 0.0, sleep=stop.wait, chance=lambda: 0.5)
    api = Api(target, Credentials(target))

    LogStream(api=api, namespace="ci", pods=pods, post=lambda event: None, patience=patience, stop=stop).run()

    assert 1.0 > stop.waits[0]
    assert 130 >= kubernetes.count("/log")


def test_a_new_attempt_has_its_log_shown_too(job: Job, kubernetes: FakeKubernetes):
    """The first pod was lost with its node; people want to see both."""
    for pod in ("first", "second"):
        kubernetes.add_pod(pod)
        kubernetes.logs[pod, "kelos-agent"] = Log([("2026-01-01T00:00:00Z", f"from {pod}")])

    def run(name):
        kubernetes.set_status(name, phase="Running", podName="first")
        kubernetes.set_status(name, phase="Running", podName="second")
        kubernetes.succeed(name)

    when_watched(kubernetes, run)

    result = job.use(with_=BASIC)

    assert ["| from first", "| from second"] == [x for x in result.log.splitlines() if x.startswith("| ")]


def test_hostile_log_lines_command_nothing(job: Job, kubernetes: FakeKubernetes):
    """The agent repeats what it reads in issues: workflow commands, terminal tricks, fake ends of the fence."""
    hostile = [
        "::error::pwned",
        "##[error]pwned",
        " ::add-mask::a",
        "x ##[group]",
        "\x1b]0;title\x07\x1b[2Jx\r::warning::y",
    ]
    kubernetes.add_pod("p", containers=("git-clone", "kelos-agent"))
    for container in ("git-clone", "kelos-agent"):
        lines = [(f"2026-01-01T00:00:0{n}Z", line) for n, line in enumerate([*hostile, "::stop-commands::x", "::x::"])]
        kubernetes.logs["p", container] = Log(lines)
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"], podName="p")

    result = job.use(with_=BASIC)

    assert [] == commands(result.log)
    assert "\x1b" not in result.log


def test_waiting_says_what_it_waits_for(job: Job, kubernetes: FakeKubernetes):
    """A branch is a mutex; people must see who holds it."""

    def run(name):
        kubernetes.set_status(name, phase="Waiting", reason="BranchHeld", message="Branch is held by Task 'other'")
        kubernetes.succeed(name)

    when_watched(kubernetes, run)

    assert "Waiting: Branch is held by Task 'other'" in job.use(with_=BASIC).log


def test_a_wait_that_is_too_long_cancels_the_task(job: Job, kubernetes: FakeKubernetes):
    """The step gives its time limit to the cluster, and keeps one of its own."""
    kubernetes.on_create = lambda task: kubernetes.set_status(task["metadata"]["name"], phase="Running")

    result = job.use(with_={**BASIC, "wait-timeout": "1s"})

    assert (1, "timed-out", "wait-timeout") == (
        result.code,
        result.outputs["conclusion"],
        result.outputs["failure-reason"],
    )
    assert "kelos.dev/cancel-requested" in kubernetes.task()["metadata"]["annotations"]


def test_a_wait_that_is_too_long_may_leave_the_task_alone(job: Job, kubernetes: FakeKubernetes):
    """Detached means no lease either: nobody would renew it."""
    kubernetes.on_create = lambda task: kubernetes.set_status(task["metadata"]["name"], phase="Running")

    result = job.use(with_={**BASIC, "wait-timeout": "1s", "on-timeout": "detach"})

    annotations = kubernetes.task()["metadata"]["annotations"]
    assert ("timed-out", False, False) == (
        result.outputs["conclusion"],
        "kelos.dev/cancel-requested" in annotations,
        "kelos.dev/client-lease" in annotations,
    )


def test_a_fault_of_ours_is_one_sentence_and_the_step_goes_on(job: Job, kubernetes: FakeKubernetes):
    """A traceback may quote what others wrote, and the runner reads every line of it."""
    kubernetes.pods["p"] = {"metadata": {"name": "p"}, "status": ["::error::no status"]}
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"], podName="p")

    result = job.use(with_=BASIC)

    assert (0, "success") == (result.code, result.outputs["conclusion"]), result.log
    assert "Traceback" not in result.log
    (warning,) = commands(result.log)
    assert re.fullmatch(
        r"::warning title=Kelos::A part of the Action has a fault \(AttributeError at stream.py:\d+\): report it",
        warning,
    )
