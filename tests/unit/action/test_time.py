"""Time limits and retries, with a clock that the test turns."""

import threading
from datetime import datetime, timezone
from itertools import pairwise

import pytest

import make
from fakes.kubernetes import Fault, fake_kubernetes
from kelos.action.api.client import Api
from kelos.action.api.credentials import Credentials
from kelos.action.api.kubeconfig import parse
from kelos.action.api.patience import Patience, pause_seconds, retry_after_seconds
from kelos.action.cancel import Handle, keep_lease, load_handle, save_handle
from kelos.action.given.workflow import Workflow
from kelos.action.inputs import ActionInputs
from kelos.action.limits import Limits, Silence, wait_seconds
from kelos.action.submit import Unsure, build_manifest, lease, submit
from kelos.api.reasons import ClientReason
from kelos.errors import Forbidden, TooManyRequests, Unauthorized, Unavailable
from kelos.pods.policy import job_deadline_seconds
from kelos.settings import Settings


class Clock:
    """Sleeping moves it; nothing else does."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.now += seconds
        return False


def patience(clock: Clock, limit: float = 180.0) -> Patience:
    return Patience(limit, clock=clock, sleep=clock.sleep, chance=lambda: 1.0)


def test_an_outage_is_borne_until_the_lease_would_have_lapsed():
    """Past that the cluster ends the Task by itself, so waiting on is pointless."""
    clock = Clock()

    def call() -> None:
        raise Unavailable("down")

    with pytest.raises(Unavailable):
        patience(clock).insist(call)

    assert 180 == clock.now
    assert 30 == max(clock.pauses)


def test_pauses_double_to_half_a_minute():
    """A thousand runners must not come back together, nor a hundred times a second."""
    ceilings = [pause_seconds(failures, None, 1.0) for failures in range(12)]

    assert all(later >= earlier for earlier, later in pairwise(ceilings))
    assert (0.2, 30.0) == (ceilings[0], ceilings[-1])
    assert 0 < pause_seconds(5, None, 0.0) < pause_seconds(5, None, 0.5)


def test_the_servers_wish_is_honoured_within_reason():
    """`Retry-After` may also be an hour."""
    assert (7.0, 30.0) == (pause_seconds(0, 7.0, 0.5), pause_seconds(0, 3600.0, 0.5))


def test_an_outage_that_ends_is_forgotten():
    """Two short ones are not one long one."""
    clock = Clock()
    bearing = patience(clock, limit=10.0)

    for _ in range(20):
        bearing.failed(TooManyRequests("slow down"))
        bearing.worked()

    assert 20 == len(clock.pauses)


@pytest.mark.parametrize("error", [Forbidden("no"), Unauthorized("who?")])
def test_a_refusal_is_not_an_outage(error):
    """Trying again changes nothing."""
    with pytest.raises(type(error)):
        patience(Clock()).failed(error)


def test_a_server_that_knew_us_is_given_time_to_know_us_again():
    """Its issuer's keys cannot be fetched for a moment, or our next token comes within the minute."""
    clock = Clock()
    bearing = Patience(180.0, clock=clock, sleep=clock.sleep, chance=lambda: 1.0, is_known=True)

    with pytest.raises(Forbidden):
        bearing.failed(Forbidden("no"))

    def call() -> None:
        raise Unauthorized("who?")

    with pytest.raises(Unauthorized):
        bearing.insist(call)

    assert 180 == clock.now


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Thu, 01 Jan 2020 00:01:00 GMT", 0.0),
        ("Thu, 01 Jan 2026 00:01:00", None),
        ("soon", None),
        ("-5", None),
        ("\u00b2", None),
        ("", None),
    ],
)
def test_a_server_may_write_its_wish_in_two_ways(value, seconds):
    """Load balancers write dates."""
    assert seconds == retry_after_seconds(value, datetime(2026, 1, 1, tzinfo=timezone.utc))


def test_a_create_gives_up_with_the_outage():
    """The step ends with an error, and not with two Tasks."""
    with fake_kubernetes() as kubernetes:
        kubernetes.faults.append(Fault("", drop=True, times=1000))
        target = parse(kubernetes.kubeconfig, folder=None)  # type: ignore[arg-type]
        inputs = ActionInputs(prompt="x", credentials_secret="s")
        manifest = build_manifest(inputs, Workflow(run_id="1"), prompt="x", base=None, namespace="ci")

        with pytest.raises(Unsure, match="did not answer"):
            submit(Api(target, Credentials(target)), "ci", manifest, patience(Clock()))

        assert {} == kubernetes.tasks


def running(reason: str = "", phase: str = "Running") -> dict:
    return {"metadata": {"name": "t"}, "spec": {}, "status": {"phase": phase, "reason": reason}}


def test_a_task_nobody_takes_up_is_noticed_after_a_minute():
    """The controller is down; without this the step would wait for an hour and a half."""
    limits = Limits(wait_seconds=600, began_at=0)
    limits.created(30)
    limits.saw({"metadata": {"name": "t"}, "spec": {}}, 31)

    assert (None, ClientReason.CONTROLLER_UNRESPONSIVE) == (limits.overdue(89), limits.overdue(90))


def test_a_server_that_does_not_answer_is_no_controller_that_does_not_work():
    """As long as the Task is not submitted, the outage has a limit of its own and ends with what it is."""
    assert Limits(wait_seconds=600, began_at=0).overdue(599) is None


def test_any_status_shows_that_somebody_is_there():
    """From then on the Task's own limits count."""
    limits = Limits(wait_seconds=600, began_at=0)
    limits.saw(running(phase="Pending"), 5)

    assert (None, ClientReason.WAIT_TIMEOUT) == (limits.overdue(599), limits.overdue(600))


def test_waiting_for_others_stops_the_clock():
    """A queue may be as long as other people's Tasks are; the own time begins when it clears."""
    limits = Limits(wait_seconds=600, began_at=0)
    limits.saw(running("BranchHeld", "Waiting"), 10)
    while_held = limits.overdue(100_000)
    limits.saw(running(), 100_000)

    assert (None, None, ClientReason.WAIT_TIMEOUT) == (
        while_held,
        limits.overdue(100_599),
        limits.overdue(100_600),
    )


def test_a_limit_that_was_given_means_what_it_says():
    """The user has a reason for it."""
    limits = Limits(wait_seconds=600, began_at=0, counts_patience=True)
    limits.saw(running("BranchHeld", "Waiting"), 10)

    assert ClientReason.WAIT_TIMEOUT is limits.overdue(600)


@pytest.mark.parametrize(
    ("spec", "wait", "seconds"),
    [
        ({"timeoutSeconds": 3600}, None, 4320.0),
        ({"timeoutSeconds": 60, "startTimeoutSeconds": 30}, None, 210.0),
        ({"timeoutSeconds": 60, "retries": 2}, None, 900.0),
        ({"timeoutSeconds": 60}, 5, 5.0),
        ({}, None, float("inf")),
    ],
)
def test_the_wait_has_a_limit(spec, wait, seconds):
    """That of the user, else what all attempts may take."""
    assert seconds == wait_seconds(spec, wait)


@pytest.mark.parametrize("retries", [0, 1, 5])
@pytest.mark.parametrize("start", [1, 600])
def test_the_wait_is_longer_than_what_the_cluster_enforces(retries, start):
    """The cluster's own verdict is the better one, and an agent that was asked to try again gets its time."""
    spec = {"timeoutSeconds": 3600, "startTimeoutSeconds": start, "retries": retries}

    enforced = job_deadline_seconds(make.task(**spec), Settings())

    assert enforced < wait_seconds(spec, None)


def test_a_silent_minute_is_broken_by_a_heartbeat():
    """A web view that shows nothing for long looks like a hang."""
    silence = Silence(began_at=0)

    silence.told(30)

    assert (False, True, 60.0) == (silence.is_over(89), silence.is_over(90), silence.seconds_left(30))


def test_the_lease_is_renewed_with_a_rising_count_until_the_end():
    """The controller looks for a change of the value, so that no clock need be right."""
    stop = threading.Event()
    with fake_kubernetes() as kubernetes:
        kubernetes.tasks["t"] = {"metadata": {"name": "t", "uid": "u"}, "spec": {}}
        kubernetes.faults.append(Fault("^PATCH", drop=True))
        target = parse(kubernetes.kubeconfig, folder=None)  # type: ignore[arg-type]
        counts: list[str] = []
        kubernetes.on_patch = lambda task: counts.append(task["metadata"]["annotations"]["kelos.dev/client-lease"])
        thread = threading.Thread(
            target=keep_lease,
            args=(Api(target, Credentials(target)), Handle(namespace="ci", name="t", uid="u")),
            kwargs={"value": lambda count: lease(Workflow(), count, 1), "seconds": 1, "stop": stop},
        )
        thread.start()
        kubernetes.wait_for(lambda: len(kubernetes.requests) >= 4, "four renewals, the first of them lost")
        stop.set()
        thread.join(60)

    assert not thread.is_alive()
    assert [f'"count": {n},' in value for n, value in enumerate(counts, start=2)] == [True] * len(counts)
    assert len(counts) >= 2


def test_what_the_reaper_reads_is_what_the_step_wrote(tmp_path):
    """A killed process leaves either the whole file or none."""
    handle = Handle(namespace="ci", name="t", uid="u", on_cancel="delete", by="me", is_over=True)

    save_handle(tmp_path / "task.json", handle)
    (tmp_path / "broken.json").write_text('{"name": "t"')

    assert (handle, None, None) == tuple(load_handle(tmp_path / name) for name in ("task.json", "broken.json", "none"))
