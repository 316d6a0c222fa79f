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
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from random import random

from kelos.action import cancel, local, submit
from kelos.action.api.client import Api
from kelos.action.api.credentials import Credentials
from kelos.action.api.identity import identity_target
from kelos.action.api.kubeconfig import find_target, parse
from kelos.action.api.patience import Patience
from kelos.action.api.target import Target
from kelos.action.chain.cleanup import Cleanup
from kelos.action.chain.doors import Doors
from kelos.action.chain.followed import Surroundings
from kelos.action.chain.plan import Chain, Link, check_inputs, links_of, namespace_in
from kelos.action.chain.tally import whole_ending
from kelos.action.conclusion import Conclusion, Ending, client_ending, never_submitted
from kelos.action.documents import read_documents, read_file
from kelos.action.given.workflow import Workflow, read_workflow
from kelos.action.inputs import ActionInputs, env_name, read_inputs
from kelos.action.log.book import LogBook
from kelos.action.log.console import Console
from kelos.action.log.show import Show
from kelos.action.log.transcript import transcript_places
from kelos.action.news.threads import outage_seconds
from kelos.action.step import Step
from kelos.action.trust import gate
from kelos.action.trust.event import read_trigger
from kelos.action.trust.loop import find_loop
from kelos.action.trust.prompt import read_prompt
from kelos.api.checks import check_namespace
from kelos.api.kinds import TASK
from kelos.api.reasons import ClientReason
from kelos.errors import AlreadyExists, KelosError


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
    doors = Doors(env=env, console=console, folder=folder)
    with ExitStack() as stack:
        ending = _ending(env, doors, stack)
        exit_code = ending.exit_code
        if ending.conclusion is Conclusion.SUCCESS:
            console.say("Conclusion: success")  # the Task's own last words stand just above
        elif ending.conclusion is Conclusion.SKIPPED:
            console.notice(f"Skipped: {ending.message}")
        elif ending.conclusion is Conclusion.DETACHED:
            console.say(f"Conclusion: {ending.conclusion.value}: {ending.message}")
        elif doors.forgives and exit_code == 1:
            console.warn(f"{ending.message} ({ending.reason}; the step passes, as `on-failure: warn` asks)")
            exit_code = 0
        else:
            console.error(f"{ending.message} ({ending.reason})")
        doors.close(ending)
    return exit_code


def reap(env: Mapping[str, str], console: Console, folder: Path) -> int:
    """End the Task that the step could not. It never fails the job: the lease is behind it.

    The entry point has held SIGINT back, and here it stays so: this is what a cancel is to lead to.
    """
    handles = [] if env.get(env_name("mode")) == "local" else cancel.left_behind(folder)
    if not handles:
        return 0
    try:
        api = _open(_target(env), console)
        ended = cancel.reap(api, handles, clock=time.monotonic, sleep=time.sleep)
    except KelosError:
        ended = set()
    for handle in handles:
        if handle.name in ended:
            console.say(f"Task '{handle.name}' was still running and is cancelled now")
        else:
            console.warn(f"Task '{handle.name}' may still run: cancel it with `kelos cancel {handle.name}`")
    return 0


def _ending(env: Mapping[str, str], doors: Doors, stack: ExitStack) -> Ending:
    try:
        cancel.hear_signals()
        inputs = read_inputs(env)
        workflow = read_workflow(env, run_id=secrets.token_hex(4), suffix=inputs.name_suffix)
        if workflow.is_actions:
            workflow = replace(workflow, subject=read_trigger(env).subject)
        return _perform(inputs, workflow, doors, stack)
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
    doors.forgives, doors.is_discreet = inputs.on_failure == "warn", inputs.logs == "none"
    doors.console.limit(inputs.log_max_bytes)
    if (refused := gate.refusal(inputs, doors.env, time.sleep)) is not None:
        return refused
    is_local = inputs.mode == "local"
    text = read_file(inputs.task_file, "task-file", workflow.folder) if inputs.task_file else ""
    documents = read_documents(text, f"The task-file '{inputs.task_file}'") if text else ()
    tasks, others = local.split_documents(documents, is_local=is_local)
    links = links_of(tasks)
    check_inputs(links, inputs)
    keys = tuple(link.key for link in links)
    doors.transcripts = transcript_places(inputs.transcript_path, workflow.folder, keys)
    prompt = read_prompt(inputs, workflow, links[0].base)
    for warning in prompt.warnings:
        doors.console.warn(warning)
    doors.links, from_file = links, namespace_in(links)
    namespace = inputs.namespace or from_file or "default"
    chain = Chain(links=links, inputs=inputs, workflow=workflow, prompt=prompt.text, namespace=namespace)
    if is_local:
        chain.check()  # what is wrong is said before anything is started
        plane = local.LocalPlane(_python(doors.env), doors.env, doors.folder / "plane.log")
        target = parse(stack.enter_context(plane), folder=doors.folder)
    else:
        target = _target(doors.env)
    api = _open(target, doors.console)
    doors.namespace = check_namespace(inputs.namespace or from_file or target.namespace)
    chain = replace(chain, namespace=doors.namespace)
    local.create_others(api, doors.namespace, others)
    if inputs.dry_run:
        return _dry_run(chain, api, doors)
    return (None if is_local else _loop(chain, api)) or _follow(chain, api, doors)


def _loop(chain: Chain, api: Api) -> Ending | None:
    """The ending when this run would be one too many of those that agents set off."""
    patience = Patience(outage_seconds(chain.inputs), clock=time.monotonic, sleep=_sleep, chance=random)
    limit, now = chain.inputs.loop_limit, datetime.now(timezone.utc)
    found = find_loop(api, chain.namespace, chain.workflow, limit=limit, now=now, patience=patience)
    return gate.untrusted(found, chain.inputs.on_untrusted) if found else None


def _follow(chain: Chain, api: Api, doors: Doors) -> Ending:
    inputs = chain.inputs
    width = max(len(link.key) for link in chain.links)

    def book_for(link: Link, agent_type: str) -> LogBook:
        suffix = "" if chain.is_alone else f"-{link.key}"
        return LogBook(
            doors.folder / f"log{suffix}.txt",
            show=Show(agent_type, is_raw=inputs.log_format == "raw"),
            console=doors.console,
            is_live=inputs.logs == "stream",
            label="" if chain.is_alone else f"{link.key:<{width}} ",
            transcript=doors.folder / f"transcript{suffix}.txt" if doors.transcripts else None,
        )

    around = Surroundings(api=api, console=doors.console, folder=doors.folder, started=doors.started)
    doors.cleanup = Cleanup(api=api, namespace=doors.namespace, policy=inputs.cleanup)
    step = Step(chain, around, book_for)
    try:
        step.run()
    finally:
        doors.tasks = step.tasks
    for one in step.tasks:
        if inputs.logs == "on-failure" and one.ending and one.ending.exit_code and one.book.tail:
            of_task = "" if chain.is_alone else f" of Task '{one.key}'"
            doors.console.group(f"The last {len(one.book.tail)} lines of the log{of_task}", list(one.book.tail))
    return whole_ending(step.tasks, chain.links, is_interrupted=step.is_interrupted)


def _dry_run(chain: Chain, api: Api, doors: Doors) -> Ending:
    names = chain.names()
    for link in chain.links:
        manifest, title = chain.build(link, names), "The Task, as the cluster would take it"
        try:
            answer = api.create(TASK, doors.namespace, manifest, dry_run=True)
        except AlreadyExists:
            found = api.get(TASK, doors.namespace, manifest["metadata"]["name"])
            answer, title = submit.adopt(found, manifest, doors.namespace), "The Task, which the cluster has already"
        answer.get("metadata", {}).pop("managedFields", None)
        doors.console.group(title, json.dumps(answer, indent=2).splitlines())
    would_be = " and ".join(f"'{name}'" for name in names.values())
    what = f"Task {would_be}" if chain.is_alone else f"The Tasks {would_be}"
    return Ending(conclusion=Conclusion.SKIPPED, message=f"{what} would be accepted; `dry-run` created nothing")


def _target(env: Mapping[str, str]) -> Target:
    """The cluster that the inputs name, in the step and in the reaper alike."""
    names = ("server", "ca", "oidc-audience", "kubeconfig", "kube-context")
    server, authority, audience, kubeconfig, context = (env.get(env_name(name), "").strip() for name in names)
    if server:
        return identity_target(server, authority, audience, env)
    return find_target(kubeconfig, context, env, Path.home())


def _open(target: Target, console: Console) -> Api:
    if target.insecure:
        console.warn(
            f"The kubeconfig trusts whoever answers as {target.server}, for `insecure-skip-tls-verify` is set: "
            "put the cluster's certificate-authority-data in its place"
        )
    credentials = Credentials(target)
    for secret in credentials.secrets():
        console.mask(secret)
    return Api(target, credentials)


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _python(env: Mapping[str, str]) -> str:
    return env.get("KELOS_PYTHON") or sys.executable
