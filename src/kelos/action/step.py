"""The step itself: threads bring news, one loop takes them one by one until there is an ending."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic

from kelos.action import cancel, submit
from kelos.action.api.client import Api
from kelos.action.conclusion import (
    Conclusion,
    Ending,
    conclude,
    gone,
    interrupted,
    is_settled,
    name_of,
    never_submitted,
    phase_of,
    status_of,
    too_late,
)
from kelos.action.inputs import ActionInputs, Workflow
from kelos.action.limits import Limits, wait_seconds
from kelos.action.log.book import LogBook
from kelos.action.log.console import Console
from kelos.action.news.events import (
    Broken,
    Created,
    Event,
    LogEvent,
    LogLine,
    LogsOver,
    Seen,
    Signalled,
    Vanished,
    Warned,
)
from kelos.action.news.threads import Threads
from kelos.api.kinds import Manifest
from kelos.api.reasons import ClientReason, warning_of
from kelos.errors import KelosError, Unavailable

SETTLE_SECONDS = 15.0
DRAIN_SECONDS = 10.0
IN_FLIGHT_SECONDS = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the step touches outside itself. `started` is told of the Task as soon as there is one."""

    api: Api
    console: Console
    book: LogBook
    folder: Path
    started: Callable[[Manifest, bool], None]
    clock: Callable[[], float] = monotonic


class Step:
    """One use of the Action in a cluster, from submit to ending; run it once."""

    def __init__(self, inputs: ActionInputs, workflow: Workflow, manifest: Manifest, around: Surroundings) -> None:
        self._inputs, self._workflow, self._around = inputs, workflow, around
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._namespace = str(manifest["metadata"]["namespace"])
        handle = cancel.Handle(
            namespace=self._namespace,
            name=name_of(manifest),
            on_cancel=inputs.on_cancel,
            by=f"the workflow run {workflow.url}" if workflow.url else "kelos-action",
        )
        self._hold = cancel.Hold(around.api, handle, around.folder / "task.json")
        self._threads = Threads(inputs, workflow, self._namespace, around.api, self._events.put)
        self._has_logs = False
        self._news = ""
        self._pod = ""
        self._is_warned = False
        self.task = manifest
        self.created: bool | None = None
        self._began_at = around.clock()
        self._limits = Limits(
            wait_seconds=wait_seconds(
                timeout=manifest["spec"].get("timeoutSeconds"),
                start_timeout=manifest["spec"].get("startTimeoutSeconds"),
                wait_timeout=inputs.wait_timeout,
            ),
            began_at=self._began_at,
            counts_patience=bool(inputs.wait_timeout),
        )

    def run(self) -> Ending:
        """Submit, follow, conclude. Whatever happens, an Ending comes back."""
        cancel.catch_signals(self._events.put)
        self._threads.submit(self.task, self._hold.begin)
        ending = self._loop()
        self._threads.hurry()
        return ending

    def _loop(self) -> Ending:
        while True:
            now = self._around.clock()
            if late := self._limits.overdue(now):
                return self._too_late(late)
            if self._limits.is_silent(now):
                minutes = round((now - self._began_at) / 60)
                self._say(f"after {minutes} min: {self._news or 'not submitted yet'}")
            try:
                event = self._events.get(timeout=self._limits.seconds_to_next(now) + 0.01)
            except Empty:
                continue
            if ending := self._take(event):
                return ending

    def _take(self, event: Event) -> Ending | None:
        match event:
            case Created(task=task, is_new=is_new):
                return self._began(task, is_new)
            case Seen(task=task):
                return self._saw(task)
            case Vanished(task=task, is_replaced=is_replaced):
                self._hold.let_go()
                return gone(task, replaced=is_replaced, required=self._inputs.require_results)
            case Broken(error=error):
                if self.created is None:
                    self._hold.let_go()
                return submit.refused(error, namespace=self._namespace, server=self._around.api.target.server)
            case Signalled():
                return self._interrupt()
            case LogLine() | LogsOver() | Warned():
                self._log(event)
                return None

    def _began(self, task: Manifest, is_new: bool) -> Ending | None:
        self._identify(task, is_new)
        self._say(f"{'created' if is_new else 'found: it was created before'} in namespace '{self._namespace}'", task)
        if not self._inputs.wait:
            self._hold.let_go()
            message = f"Task '{name_of(task)}' was submitted and goes on by itself, as `wait: false` asks"
            return Ending(conclusion=Conclusion.DETACHED, message=message)
        self._threads.keep_lease(self._hold.handle)
        self._has_logs = self._threads.stream_logs()
        return self._saw(task)

    def _identify(self, task: Manifest, is_new: bool) -> None:
        self.task, self.created = task, is_new
        self._limits.created(self._around.clock())
        self._hold.identify(task)
        self._around.started(task, is_new)

    def _saw(self, task: Manifest) -> Ending | None:
        self.task = task
        self._limits.saw(task, self._around.clock())
        status = status_of(task)
        phase = phase_of(task)
        news = ": ".join(str(part) for part in (phase.value if phase else "", status.get("message")) if part)
        if news and news != self._news:
            self._news = news
            self._say(news)
        if (pod := str(status.get("podName") or "")) and pod != self._pod:
            self._pod = pod
            self._threads.read_pod(pod)
        if (problem := warning_of(task)) and not self._is_warned:
            self._is_warned = True
            self._around.console.warn(problem)
        ending = conclude(task, required=self._inputs.require_results)
        return self._finish(ending) if ending else None

    def _finish(self, ending: Ending) -> Ending:
        """The Task is over: wait a moment for late results and for the rest of the log."""
        self._hold.let_go()
        self._threads.no_more_pods()
        began = self._around.clock()
        while not (is_settled(self.task) and not self._has_logs):
            limit = DRAIN_SECONDS if is_settled(self.task) else SETTLE_SECONDS
            try:
                event = self._events.get(timeout=max(0.0, began + limit - self._around.clock()))
            except Empty:
                break
            if isinstance(event, Signalled):
                return replace(ending, exit_code=130)
            if isinstance(event, Seen):
                self.task = event.task
            elif isinstance(event, LogLine | LogsOver | Warned):
                self._log(event)
        return conclude(self.task, required=self._inputs.require_results) or ending

    def _interrupt(self) -> Ending:
        self._threads.hurry()
        policy = self._inputs.on_cancel
        if self._hold.bar():
            return never_submitted()
        if policy == "detach":
            self._hold.let_go()
            is_ended = False
        else:
            is_ended = self._was_refused() or self._hold.end("the workflow run was cancelled")
        return interrupted(self._hold.handle.name, is_cancelled=is_ended, policy=policy)

    def _was_refused(self) -> bool:
        """Whether no Task came of it. A POST on its way usually answers at once, and then the uid is known."""
        until = self._around.clock() + IN_FLIGHT_SECONDS
        while not self._hold.handle.uid and (left := until - self._around.clock()) > 0:
            try:
                event = self._events.get(timeout=left)
            except Empty:
                break
            if isinstance(event, Created):
                self._identify(event.task, event.is_new)
            elif isinstance(event, Broken):
                return not isinstance(event.error, Unavailable)
        return False

    def _too_late(self, late: ClientReason) -> Ending:
        self._threads.stop()
        is_theirs = late is ClientReason.WAIT_TIMEOUT
        keeps = self._inputs.on_timeout == "detach" if is_theirs else self._inputs.on_cancel == "detach"
        if not keeps:
            then = "was cancelled" if self._hold.end("the workflow step stopped waiting") else "could not be cancelled"
        else:
            then = "goes on in the cluster"
            try:
                self._hold.detach()
            except KelosError as error:
                then = f"may be cancelled when its lease lapses, because: {error}"
        return too_late(late, self._hold.handle.name, news=self._news, then=then)

    def _log(self, event: LogEvent) -> None:
        match event:
            case LogLine(container=container, text=text):
                if self._around.book.write(container, text):
                    self._limits.told(self._around.clock())
            case LogsOver(warning=warning):
                self._has_logs = False
                if warning:
                    self._around.console.warn(warning)
            case Warned(text=text):
                self._around.console.warn(text)

    def _say(self, text: str, task: Manifest | None = None) -> None:
        self._around.console.say(f"Task '{name_of(task or self.task)}' {text}")
        self._limits.told(self._around.clock())
