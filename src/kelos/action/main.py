"""The Action's two entry points: `run`, the step, and `reap`, which ends what a stopped step left behind."""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kelos.action import cancel, local, submit
from kelos.action.api.client import Api
from kelos.action.api.credentials import Credentials
from kelos.action.api.kubeconfig import Target, find_target, parse
from kelos.action.conclusion import Conclusion, Ending, client_ending, never_submitted
from kelos.action.documents import read_documents
from kelos.action.inputs import ActionInputs, Workflow, env_name, read_file, read_inputs, read_workflow
from kelos.action.log.book import LogBook
from kelos.action.log.console import Console
from kelos.action.log.show import Show
from kelos.action.outputs import EARLY, Facts, outputs_of, results_of, write_outputs
from kelos.action.step import Step, Surroundings
from kelos.action.summary import summary_of, write_summary
from kelos.agents.registry import reader_for
from kelos.api.checks import check_namespace, check_prompt
from kelos.api.kinds import TASK, Manifest
from kelos.api.manifest import check_base
from kelos.api.reasons import ClientReason
from kelos.errors import KelosError


@dataclass(slots=True, kw_only=True)
class Doors:
    """Where the step's results go, and what is known of the Task so far."""

    env: Mapping[str, str]
    console: Console
    folder: Path
    server_url: str = "https://github.com"
    summary: str = "metadata"
    forgives: bool = False
    namespace: str = ""
    task: Manifest
    created: bool | None = None
    book: LogBook | None = None

    def started(self, task: Manifest, created: bool) -> None:
        """Write the early outputs, so that a step which is killed still leaves them."""
        self.task, self.created = task, created
        values = outputs_of(task, None, Facts(namespace=self.namespace, created=created)).by_name
        self._output({name: values[name] for name in EARLY})

    def close(self, ending: Ending) -> None:
        """Write every output and the summary, and say in one annotation what went wrong."""
        results = self.folder / "results.json"
        if found := results_of(self.task):
            results.write_text(json.dumps(found, sort_keys=True), encoding="utf-8")
        facts = Facts(
            namespace=self.namespace,
            created=self.created,
            server_url=self.server_url,
            results_file=results if found else None,
            log_file=self.book.path if self.book and self.book.exists else None,
        )
        values = outputs_of(self.task if self.created is not None else {}, ending, facts)
        for warning in values.warnings:
            self.console.warn(warning)
        for name, value in values.by_name.items():
            if self.console.hides(value):
                self.console.warn(f"The output `{name}` holds a masked value: as an output of the job it will be empty")
        self._output(values.by_name)
        if (path := self.env.get("GITHUB_STEP_SUMMARY")) and self.summary != "none":
            write_summary(Path(path), summary_of(values.by_name))
        if not self.env.get("GITHUB_OUTPUT"):
            for name, value in values.by_name.items():
                self.console.say(f"{name}={value}")
        self.console.end()

    def _output(self, values: Mapping[str, str]) -> None:
        if path := self.env.get("GITHUB_OUTPUT"):
            write_outputs(Path(path), values)


def main(argv: list[str] | None = None) -> int:
    """The process's exit code."""
    argv = sys.argv[1:] if argv is None else argv
    env = os.environ
    folder = Path(env.get("KELOS_STATE") or tempfile.mkdtemp(prefix="kelos-action-"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    console = Console(is_actions=env.get("GITHUB_ACTIONS") == "true")
    return reap(env, console, folder) if argv == ["reap"] else run(env, console, folder)


def run(env: Mapping[str, str], console: Console, folder: Path) -> int:
    """The step. Every way out of it writes the outputs, and before a local plane has taken its time to end."""
    doors = Doors(env=env, console=console, folder=folder, task={})
    with ExitStack() as stack:
        ending = _ending(env, doors, stack)
        exit_code = ending.exit_code
        if ending.conclusion is Conclusion.SUCCESS:
            console.say("Conclusion: success")  # the Task's own last words stand just above
        elif ending.conclusion in (Conclusion.DETACHED, Conclusion.SKIPPED):
            console.say(f"Conclusion: {ending.conclusion.value}: {ending.message}")
        elif doors.forgives and exit_code == 1:
            console.warn(f"{ending.message} ({ending.reason}; the step passes, as `on-failure: warn` asks)")
            exit_code = 0
        else:
            console.error(f"{ending.message} ({ending.reason})")
        doors.close(ending)
    return exit_code


def reap(env: Mapping[str, str], console: Console, folder: Path) -> int:
    """End the Task that the step could not. It never fails the job: the lease is behind it."""
    handle = cancel.load_handle(folder / "task.json")
    if handle is None or handle.is_over or handle.on_cancel == "detach" or env.get(env_name("mode")) == "local":
        return 0
    try:
        given, context = env.get(env_name("kubeconfig"), ""), env.get(env_name("kube-context"), "")
        api = _open(find_target(given.strip(), context.strip(), env, Path.home()), console)
        is_ended = cancel.reap(api, handle, clock=time.monotonic, sleep=time.sleep)
    except KelosError:
        is_ended = False
    if is_ended:
        console.say(f"Task '{handle.name}' was still running and is cancelled now")
    else:
        console.warn(f"Task '{handle.name}' may still run: cancel it with `kelos cancel {handle.name}`")
    return 0


def _ending(env: Mapping[str, str], doors: Doors, stack: ExitStack) -> Ending:
    try:
        inputs = read_inputs(env)
        return _perform(inputs, read_workflow(env, run_id=secrets.token_hex(4)), doors, stack)
    except KelosError as error:
        return submit.refused(error, namespace=doors.namespace, server="The cluster")
    except KeyboardInterrupt:
        return never_submitted()
    except Exception as error:
        doors.console.group("Traceback", traceback.format_exc().splitlines())
        message = f"The Action has a fault ({type(error).__name__}): report it with the traceback in the log"
        return client_ending(ClientReason.API_ERROR, message)


def _perform(inputs: ActionInputs, workflow: Workflow, doors: Doors, stack: ExitStack) -> Ending:
    doors.server_url, doors.summary = workflow.server_url, inputs.summary
    doors.forgives = inputs.on_failure == "warn"
    is_local = inputs.mode == "local"
    text = read_file(inputs.task_file, "task-file", workflow.folder) if inputs.task_file else ""
    documents = read_documents(text, f"The task-file '{inputs.task_file}'") if text else ()
    base, others = local.split_documents(documents, is_local=is_local)
    check_base(base)
    prompt = inputs.prompt
    if inputs.prompt_file:
        prompt = check_prompt(read_file(inputs.prompt_file, "prompt-file", workflow.folder))
    if is_local:
        _check(inputs, workflow, prompt, base)  # what is wrong is said before anything is started
        plane = local.LocalPlane(_python(doors.env), doors.env, doors.folder / "plane.log")
        target = parse(stack.enter_context(plane), folder=doors.folder)
    else:
        target = find_target(inputs.kubeconfig, inputs.kube_context, doors.env, Path.home())
    api = _open(target, doors.console)
    from_file = str(((base or {}).get("metadata") or {}).get("namespace") or "")
    doors.namespace = check_namespace(inputs.namespace or from_file or target.namespace)
    manifest = submit.build_manifest(inputs, workflow, prompt=prompt, base=base, namespace=doors.namespace)
    local.create_others(api, doors.namespace, others)
    return _follow(inputs, workflow, manifest, api, doors)


def _follow(inputs: ActionInputs, workflow: Workflow, manifest: Manifest, api: Api, doors: Doors) -> Ending:
    if inputs.dry_run:
        return _dry_run(api, manifest, doors)
    agent_type = str((manifest["spec"].get("worker") or manifest["spec"]).get("type"))
    book = LogBook(
        doors.folder / "log.txt",
        show=Show(reader_for(agent_type)),
        console=doors.console,
        is_live=inputs.logs == "stream",
    )
    doors.book = book
    around = Surroundings(api=api, console=doors.console, book=book, folder=doors.folder, started=doors.started)
    step = Step(inputs, workflow, manifest, around)
    ending = step.run()
    doors.task = step.task
    if inputs.logs == "on-failure" and ending.exit_code and book.tail:
        doors.console.group(f"The last {len(book.tail)} lines of the log", list(book.tail))
    return ending


def _dry_run(api: Api, manifest: Manifest, doors: Doors) -> Ending:
    answer = api.create(TASK, doors.namespace, manifest, dry_run=True)
    answer.get("metadata", {}).pop("managedFields", None)
    doors.console.group("The Task, as the cluster would take it", json.dumps(answer, indent=2).splitlines())
    name = manifest["metadata"]["name"]
    return Ending(conclusion=Conclusion.SKIPPED, message=f"Task '{name}' would be accepted; `dry-run` created nothing")


def _check(inputs: ActionInputs, workflow: Workflow, prompt: str, base: Manifest | None) -> None:
    submit.build_manifest(inputs, workflow, prompt=prompt, base=base, namespace=inputs.namespace or "default")


def _open(target: Target, console: Console) -> Api:
    credentials = Credentials(target)
    for secret in credentials.secrets():
        console.mask(secret)
    return Api(target, credentials)


def _python(env: Mapping[str, str]) -> str:
    return env.get("KELOS_PYTHON") or sys.executable
