"""What must be true whatever goes wrong, checked at every single change and once more at the end."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from kelos.api.conditions import moment
from kelos.api.kinds import Manifest
from kelos.api.names import ANNOTATION_LEASE, ANNOTATION_TOKEN_EXPIRES, FINALIZER_OUTCOME, LABEL_TASK_UID
from kelos.local.store import Entry, Key
from kelos.tasks.held.token import secret_name
from make import NAMESPACE
from simulation.desk import TOKEN_BEGINNING
from simulation.outside import Attempt, Outside
from simulation.people import OF_AN_APP, PERSISTENT, SECRET_VALUE, People

SECRETS = (SECRET_VALUE.encode(), TOKEN_BEGINNING.encode())
LEAKS = (*SECRETS, *map(base64.b64encode, SECRETS))
CHANGES_AFTER_THE_END = {"attempts", "usage"}
RETRIABLE_EXITS = {80, 81, 85}
RESERVED_EXITS = range(80, 89)
MOST_STATUS_WRITES, WRITES_PER_POD = 14, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """`law` is one of the words below; `text` says what happened."""

    law: str
    text: str


@dataclass
class Watchman:
    """Sees each change first; `alarm` is called when a law is broken.

    `was_on_its_way` tells whether a Job of that Task was sent and not there at that moment.
    """

    people: People
    now: Callable[[], float]
    was_on_its_way: Callable[[str, float], bool] = lambda _, __: False
    alarm: Callable[[], object] = lambda: None
    outside: Outside = field(init=False)
    violations: list[Violation] = field(default_factory=list)
    tasks: dict[str, Manifest] = field(default_factory=dict)
    """Every Task that there ever was, by uid, as it was last."""
    ended_at: dict[str, float] = field(default_factory=dict)
    job_gone_at: dict[str, float] = field(default_factory=dict)
    status_writes: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def complain(self, law: str, text: str) -> None:
        self.violations.append(Violation(law=law, text=text))
        self.alarm()

    def witness(self, key: Key, before: Entry | None, after: Entry | None) -> None:
        old, new = before.manifest if before else None, after.manifest if after else None
        if after is not None and key.resource != "secrets" and any(leak in after.encoded for leak in LEAKS):
            self.complain("tells no secret", f"{key.resource} {key.name} holds the value of a Secret")
        match key.resource.split(".")[0]:
            case "tasks" if new is not None:
                self._task(old, new)
            case "pods" if new is not None:
                self._pod(old, new)
            case "jobs" if new is not None and old is None:
                self._job(new)
            case "jobs" if new is None and old is not None:
                self.job_gone_at.setdefault(old["metadata"]["labels"][LABEL_TASK_UID], self.now())

    # Tasks.

    def _task(self, old: Manifest | None, new: Manifest) -> None:
        uid, name, status = new["metadata"]["uid"], new["metadata"]["name"], new.get("status") or {}
        self.tasks[uid] = new
        before = (old or {}).get("status") or {}
        if status == before:
            return
        self.status_writes[uid] += 1
        if _is_over(before):
            changed = {f for f in status.keys() | before.keys() if status.get(f) != before.get(f)}
            if changed - CHANGES_AFTER_THE_END:
                self.complain("rests after its end", f"Task {name} changed {sorted(changed)} after its end")
        elif _is_over(status):
            self.ended_at[uid] = self.now()
            self._end(uid, name, status)
        stop = next((c for c in status.get("conditions") or () if c["type"] == "StopRequested"), {})
        is_new = before.get("reason") != "LeaseExpired" and "LeaseExpired" in (status.get("reason"), stop.get("reason"))
        if is_new and not _is_over(before) and self.people.follows(name, self.now()):
            self.complain("is honest", f"Task {name} says LeaseExpired and its client is alive")

    def _end(self, uid: str, name: str, status: Manifest) -> None:
        good = [a for a in self._attempts(uid) if a.has_succeeded]
        reason = status.get("reason")
        if status["phase"] == "Succeeded":
            commits = {a.said.git.commit for a in good if a.said is not None}
            if (status.get("results") or {}).get("commit") not in commits:
                self.complain("is honest", f"Task {name} succeeded with results that no agent reported")
        elif any(a.ended_at is not None and self._age(a) > 30 for a in good):
            self.complain("is honest", f"Task {name} failed with {reason} although its agent had succeeded")
        if reason == "Cancelled" and uid not in self.people.cancelled:
            self.complain("is honest", f"Task {name} says Cancelled and nobody cancelled it")
        if reason == "JobDeleted" and name not in self.people.disturbed:
            self.complain("is honest", f"Task {name} says JobDeleted and nobody deleted its Job: {status['message']}")

    def _age(self, attempt: Attempt) -> float:
        assert attempt.ended_at is not None
        return (self.outside.plane.now() - attempt.ended_at).total_seconds()

    def _attempts(self, uid: str) -> list[Attempt]:
        return [a for a in self.outside.attempts.values() if a.task_uid == uid]

    # Jobs and pods.

    def _job(self, job: Manifest) -> None:
        uid = job["metadata"]["labels"][LABEL_TASK_UID]
        task = self.tasks[uid]
        (prompt,) = job["spec"]["template"]["spec"]["containers"][0]["args"]
        for name in task["spec"].get("dependsOn") or ():
            good = [a for u, t in self.tasks.items() if t["metadata"]["name"] == name for a in self._attempts(u)]
            commits = [a.said.git.commit for a in good if a.has_succeeded and a.said is not None]
            if not commits:
                self.complain("waits for others", f"Task {task['metadata']['name']} started before {name} succeeded")
            elif not any(f"[{commit}]" in prompt for commit in commits):
                self.complain("loses no outcome", f"the prompt of {task['metadata']['name']} lacks what {name} made")

    def _pod(self, old: Manifest | None, new: Manifest) -> None:
        if _phase(new) != "Running" or (old is not None and _phase(old) == "Running"):
            return
        uid = new["metadata"]["labels"][LABEL_TASK_UID]
        task = self.tasks[uid]
        mine = self.outside.attempts[new["metadata"]["uid"]]
        self._token(uid, task)
        past = [a for a in self._attempts(uid) if a.started_at is not None and not _is_twin(a, mine)]
        if past and (why := self._may_not_repeat(uid, task, past)):
            self.complain("runs once", f"an agent of Task {task['metadata']['name']} was started again: {why}")
        for rival, other in self.tasks.items():
            shared = _places(task) & _places(other)
            if rival != uid and shared and any(attempt.runs for attempt in self._attempts(rival)):
                both = f"Tasks {task['metadata']['name']} and {other['metadata']['name']}"
                for what, name in sorted(shared):
                    self.complain(f"has its {what} alone", f"{both} work on {what} {name} at once")

    def _token(self, uid: str, task: Manifest) -> None:
        """The agent of a Task that is still there finds a token that lives."""
        name, store = task["metadata"]["name"], self.outside.plane.store
        there = store.get(Key(resource="tasks.kelos.dev", namespace=NAMESPACE, name=name))
        workspace = (task["spec"].get("workspaceRef") or {}).get("name")
        if workspace not in OF_AN_APP or there is None or there.manifest["metadata"]["uid"] != uid:
            return
        secret = store.get(Key(resource="secrets", namespace=NAMESPACE, name=secret_name(name)))
        if secret is None:
            self.complain("has its token", f"the agent of Task {name} starts without one")
            return
        expires = secret.manifest["metadata"]["annotations"][ANNOTATION_TOKEN_EXPIRES]
        if moment(expires) <= self.outside.plane.now():
            self.complain("has its token", f"the agent of Task {name} starts with one that has expired")

    def _may_not_repeat(self, uid: str, task: Manifest, past: list[Attempt]) -> str:
        """Why there must be no other agent; empty when an earlier end allows it."""
        moments = [found[uid] for found in (self.ended_at, self.job_gone_at) if uid in found]
        if any(self.was_on_its_way(uid, moment) for moment in moments):
            return ""  # two believed that they lead, and nobody can call a request back
        if uid in self.ended_at:
            return "it had ended"
        retries = task["spec"].get("retries", 0)
        errors = 0
        for attempt in past:
            if attempt.runs:
                return "one still runs"
            if attempt.has_succeeded:
                return "one had succeeded"
            is_own_end = not attempt.is_disrupted and attempt.told_at is None
            errors += is_own_end
            is_final = attempt.exit_code in RESERVED_EXITS and attempt.exit_code not in RETRIABLE_EXITS
            if is_own_end and (not retries or is_final) and uid not in self.ended_at:
                return f"one had ended with exit code {attempt.exit_code}"
        # Kubernetes goes on by itself while no controller can stop it, within the Job's backoffLimit.
        return f"{errors} had failed" if errors > retries + 3 else ""

    # The end.

    def at_the_end(self) -> None:
        """When nothing moves any more."""
        store = self.outside.plane.store
        there = {e.manifest["metadata"]["uid"]: e.manifest for e in store.entries("tasks.kelos.dev")}
        for uid, task in there.items():
            name, status = task["metadata"]["name"], task.get("status") or {}
            if not _is_over(status) and not self.may_wait(uid, there):
                self.complain("comes to an end", f"Task {name} is still {status.get('phase')} ({status.get('reason')})")
            if _is_over(status) and (text := self._usage_is_wrong(uid, status)):
                self.complain("loses no outcome", f"Task {name} {text}")
        for uid, writes in self.status_writes.items():
            if writes > MOST_STATUS_WRITES + WRITES_PER_POD * len(self._attempts(uid)):
                self.complain(
                    "writes little",
                    f"the status of Task {self.tasks[uid]['metadata']['name']} was written {writes} times",
                )
        for text in self.leftovers(there):
            self.complain("leaves nothing behind", text)

    def may_wait(self, uid: str, there: dict[str, Manifest]) -> bool:
        """Whether a Task that has not ended has a good reason: its agent works, or somebody else's does."""
        task = there[uid]
        status = task.get("status") or {}
        is_to_stop = uid in self.people.cancelled or ANNOTATION_LEASE in (task["metadata"].get("annotations") or {})
        if is_to_stop or uid in self.job_gone_at:
            return False
        if any(a.runs and a.script.runs_for is None for a in self._attempts(uid)):
            return True
        others = [t for u, t in there.items() if u != uid and not _is_over(t.get("status") or {})]
        if status.get("reason") == "DependencyUnfinished":
            return any(t["metadata"]["name"] in task["spec"]["dependsOn"] for t in others)
        if status.get("reason") not in ("BranchHeld", "ConcurrencyLimit"):
            return False
        return any(_places(t) & _places(task) for t in others)

    def leftovers(self, there: dict[str, Manifest]) -> Iterator[str]:
        """What belongs to nobody any more."""
        store = self.outside.plane.store
        ended = {uid for uid, task in there.items() if _is_over(task.get("status") or {})}
        for kind in ("jobs.batch", "pods", "secrets", "leases.coordination.k8s.io"):
            for entry in store.entries(kind):
                meta = entry.manifest["metadata"]
                uid = (meta.get("labels") or {}).get(LABEL_TASK_UID) or _holder(entry.manifest)
                if uid and uid not in there:
                    yield f"{kind} {meta['name']} of a Task that is gone"
                elif uid in ended and (why := _is_leftover(kind, entry.manifest)):
                    yield f"{kind} {meta['name']} of a Task that has ended: {why}"

    def _usage_is_wrong(self, uid: str, status: Manifest) -> str:
        said = [a.said.usage.cost_usd for a in self._attempts(uid) if a.said is not None and a.started_at is not None]
        paid = sum((Decimal(cost) for cost in said if cost is not None), Decimal())
        told = Decimal((status.get("usage") or {}).get("cost", "0"))
        return f"cost {paid} and says {told}" if paid != told else ""


def _is_leftover(kind: str, manifest: Manifest) -> str:
    if kind == "pods":
        if FINALIZER_OUTCOME in (manifest["metadata"].get("finalizers") or ()):
            return "it still holds its outcome"
        return "it still runs" if _phase(manifest) in ("", "Pending", "Running") else ""
    return "nobody released it" if kind.startswith("leases") else ""


def _holder(manifest: Manifest) -> str:
    return str((manifest.get("spec") or {}).get("holderIdentity") or "")


def _is_over(status: Manifest) -> bool:
    return status.get("phase") in ("Succeeded", "Failed")


def _phase(pod: Manifest) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


def _places(task: Manifest) -> set[tuple[str, str]]:
    """What it needs for itself, kind and name. All Workspaces here are of one repository."""
    workspace, branch = (task["spec"].get("workspaceRef") or {}).get("name"), task["spec"].get("branch")
    found = {("branch", branch)} if workspace and branch else set()
    return found | ({("Workspace", workspace)} if workspace == PERSISTENT else set())


def _is_twin(one: Attempt, other: Attempt) -> bool:
    """Whether a Job controller made both at once, or they are the same."""
    return one.job_uid == other.job_uid and one.born_at == other.born_at
