"""One Task of the step from submit to ending: it is told every event and never waits itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from kelos.action import cancel, submit
from kelos.action.api.client import Api
from kelos.action.chain.parting import part_late, part_unseen
from kelos.action.conclusion import (
    Conclusion,
    Ending,
    conclude,
    dropped,
    gone,
    interrupted,
    is_settled,
    name_of,
    never_submitted,
    phase_of,
    progress_of,
    too_late,
    without_words,
)
from kelos.action.given.workflow import Workflow
from kelos.action.inputs import ActionInputs
from kelos.action.limits import Limits, Silence, wait_seconds
from kelos.action.log.book import LogBook
from kelos.action.log.console import Console
from kelos.action.news.events import Broken, Created, Event, LogLine, LogsOver, Post, Seen, Signalled, Vanished, Warned
from kelos.action.news.threads import Threads
from kelos.api.kinds import Manifest
from kelos.api.reasons import ClientReason, warning_of

SETTLE_SECONDS = 15.0
DRAIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the step touches outside itself. `started` is told of a Task, by its key, as soon as there is one."""

    api: Api
    console: Console
    folder: Path
    started: Callable[[str, Manifest, bool], None]
    clock: Callable[[], float] = monotonic


class Followed:
    """`ending` is None until nothing more has to be waited for; `is_settling` once only late news may come."""

    def __init__(
        self,
        key: str,
        manifest: Manifest,
        *,
        inputs: ActionInputs,
        workflow: Workflow,
        around: Surroundings,
        note: Path,
        book: LogBook,
        silence: Silence,
        post: Post,
    ) -> None:
        self.key, self.task, self.book = key, manifest, book
        self._is_discreet = inputs.logs == "none"
        self._demands = inputs.demands
        self.created: bool | None = None
        self.ending: Ending | None = None
        self._inputs, self._around, self._silence = inputs, around, silence
        self._namespace = str(manifest["metadata"]["namespace"])
        handle = cancel.Handle(
            namespace=self._namespace,
            name=name_of(manifest),
            on_cancel=inputs.on_cancel,
            by=f"the workflow run {workflow.url}" if workflow.url else "kelos-action",
            triggered_by=workflow.triggered_by(),
        )
        self.hold = cancel.Hold(around.api, handle, note)
        self.threads = Threads(inputs, workflow, self._namespace, around.api, post)
        self._has_logs = self._is_warned = self._was_refused = self._is_answered = False
        self.news = self._pod = ""
        self._verdict: Ending | None = None
        self.decided_at = float("inf")
        self._limits = Limits(
            wait_seconds=wait_seconds(manifest["spec"], inputs.wait_timeout),
            began_at=around.clock(),
            counts_patience=bool(inputs.wait_timeout),
        )

    @property
    def is_settling(self) -> bool:
        return self.ending is None and self._verdict is not None

    @property
    def is_in_flight(self) -> bool:
        """Whether a create may have been sent whose answer is not known."""
        return self.ending is None and not self.hold.handle.uid and not self._is_answered

    def take(self, event: Event) -> None:
        """Learn what a thread found out."""
        match event:
            case Created(task=task, is_new=is_new):
                self._began(task, is_new)
            case Seen(task=task):
                self._saw(task)
            case Vanished(task=task, is_replaced=is_replaced):
                self.hold.let_go()
                self._end(self._verdict or self._worded(gone(task, replaced=is_replaced, demands=self._demands)))
            case Broken():
                self._broke(event)
            case LogLine(container=container, text=text, pod=pod):
                if self.book.write(container, text, pod):
                    self._silence.told(self._around.clock())
            case LogsOver(warning=warning):
                self._has_logs = False
                if warning:
                    self._around.console.warn(warning)
            case Warned(text=text):
                self._around.console.warn(text)
            case Signalled():
                pass  # for the step
        self._settle()

    def tick(self) -> None:
        """Look at the clock."""
        now = self._around.clock()
        if self.ending is not None:
            return
        if self._verdict is not None:
            if now >= self._settled_at():
                self._end(self._conclude() or self._verdict)
        elif late := self._limits.overdue(now):
            self._end(self._too_late(late))

    def seconds_to_next(self) -> float:
        """How long `tick` would find nothing."""
        now = self._around.clock()
        if self.ending is not None:
            return float("inf")
        return max(0.0, self._settled_at() - now) if self._verdict else self._limits.seconds_to_next(now)

    def know(self, task: Manifest, is_new: bool) -> None:
        """Which Task of the cluster is ours: from now on it can be ended."""
        self.task, self.created = task, is_new
        self._limits.created(self._around.clock())
        self.hold.identify(task)
        self._around.started(self.key, task, is_new)

    def refuse(self, event: Broken) -> None:
        """The create failed; one that nobody answered may have counted."""
        self._is_answered = True
        self._was_refused = not event.is_unsure

    def interrupt(self) -> None:
        """The ending after a signal. It asks the cluster, so it may take some seconds."""
        self.threads.hurry()
        if self._verdict is not None:
            self._end(replace(self._verdict, exit_code=130))
        elif self.hold.bar():
            self._end(never_submitted())
        else:
            policy = self._inputs.on_cancel
            if policy == "detach":
                self.hold.let_go()
                is_ended = False
            else:
                is_ended = self._was_refused or self.hold.end("the workflow run was cancelled")
            self._end(interrupted(self.hold.handle.name, is_cancelled=is_ended, policy=policy))

    def give_up(self) -> None:
        """The ending when even the request to end it has not come back in time."""
        self._end(interrupted(self.hold.handle.name, is_cancelled=False, policy=self._inputs.on_cancel))

    def drop(self, why: str) -> None:
        """Another Task of the chain could not be created, so that this one has no purpose."""
        self.threads.hurry()
        was_created = not self.hold.bar()
        is_ended = was_created and self.hold.end(why)
        self._end(dropped(self.hold.handle.name, why, was_created=was_created, is_cancelled=is_ended))

    def say(self, text: str) -> None:
        self._around.console.say(f"Task '{name_of(self.task)}' {text}")
        self._silence.told(self._around.clock())

    def _began(self, task: Manifest, is_new: bool) -> None:
        self.know(task, is_new)
        self.say(f"{'created' if is_new else 'found: it was created before'} in namespace '{self._namespace}'")
        if not self._inputs.wait:
            self.hold.let_go()
            message = f"Task '{name_of(task)}' was submitted and goes on by itself, as `wait: false` asks"
            self._end(Ending(conclusion=Conclusion.DETACHED, message=message))
            return
        self.threads.follow(task)
        self.threads.keep_lease(self.hold.handle)
        self._has_logs = self.threads.stream_logs()
        self._saw(task)

    def _saw(self, task: Manifest) -> None:
        self.task = task
        if self._verdict is not None:
            return
        self._limits.saw(task, self._around.clock())
        phase = phase_of(task)
        progress = progress_of(task, is_discreet=self._is_discreet)
        news = ": ".join(part for part in (phase.value if phase else "", progress) if part)
        if news and news != self.news:
            self.news = news
            self.say(news)
        if (pod := str((task.get("status") or {}).get("podName") or "")) and pod != self._pod:
            self._pod = pod
            self.threads.read_pod(pod)
        if (problem := warning_of(task)) and not self._is_warned:
            self._is_warned = True
            self._around.console.warn(problem)
        if ending := self._conclude():
            self._verdict, self.decided_at = ending, self._around.clock()
            self.hold.let_go()
            self.threads.no_more_pods()

    def _broke(self, event: Broken) -> None:
        server = self._around.api.target.server
        if self.created is not None:
            self._end(self._verdict or submit.lost(event.error, self.task, server=server))
            return
        ending = submit.refused(event.error, namespace=self._namespace, server=server)
        if event.is_unsure and not self.hold.bar():
            then = part_unseen(self.hold, keeps=self._inputs.on_cancel == "detach")
            ending = replace(ending, message=f"{ending.message}. {then}")
        else:
            self.hold.let_go()
        self._end(ending)

    def _conclude(self) -> Ending | None:
        ending = conclude(self.task, demands=self._demands)
        return ending and self._worded(ending)

    def _worded(self, ending: Ending) -> Ending:
        return without_words(ending, name_of(self.task)) if self._is_discreet else ending

    def _settle(self) -> None:
        if self.is_settling and is_settled(self.task) and not self._has_logs:
            self._end(self._conclude() or self._verdict)

    def _settled_at(self) -> float:
        """A moment for late results and for the rest of the log."""
        return self.decided_at + (DRAIN_SECONDS if is_settled(self.task) else SETTLE_SECONDS)

    def _end(self, ending: Ending | None) -> None:
        if self.ending is None:
            self.ending = ending
            self.decided_at = min(self.decided_at, self._around.clock())
            self.threads.hurry()

    def _too_late(self, late: ClientReason) -> Ending:
        self.threads.stop()
        is_theirs = late is ClientReason.WAIT_TIMEOUT
        keeps = self._inputs.on_timeout == "detach" if is_theirs else self._inputs.on_cancel == "detach"
        then = part_late(self.hold, keeps=keeps)
        return too_late(late, self.hold.handle.name, news=self.news, then=then)
