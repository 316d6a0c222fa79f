"""The agent container: configure, set up, run, end everything, look at git, and tell the outcome last."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

from kelos.agents.capabilities import given_to, left_out
from kelos.agents.protocol import Setup
from kelos.api import names
from kelos.api.outcome import Outcome
from kelos.api.reasons import Reason
from kelos.errors import UserError
from kelos.runner.execution.agent_run import Because, Clock, Ended, Inbox, run_agent, run_setup
from kelos.runner.execution.fresh_gh import with_fresh_gh
from kelos.runner.execution.git_facts import add_remote_facts, head_commit, read_local_facts
from kelos.runner.execution.judgement import judge
from kelos.runner.execution.processes import adopt_orphans, end_descendants
from kelos.runner.execution.request import CONSUMED, LaunchRequest, read_request
from kelos.runner.failure import Failure
from kelos.runner.files import copy, write_config
from kelos.runner.redaction import Seen, redact
from kelos.runner.report import failed, note, without_secrets, write_block, write_document

NOT_FOUND = 127


def launch(env: Mapping[str, str], arguments: list[str]) -> int:
    """Run the agent and return the container's exit code."""
    inbox, seen = Inbox(), Seen(env)
    inbox.listen_to_signals()
    adopt_orphans()
    try:
        request = read_request(env, arguments)
        request = replace(request, env=with_fresh_gh(request.env))
        seen.add(request.secrets)

        def tell(outcome: Outcome) -> None:
            write_document(without_secrets(outcome, seen.secrets()), env)

        outcome = without_secrets(_run(request, inbox, tell), seen.secrets())
        write_block(outcome)
    except Failure as failure:
        note(redact(str(failure), seen.secrets()))
        outcome = without_secrets(failed(failure), seen.secrets())
    write_document(outcome, env)
    return outcome.exit_code or 0


def _run(request: LaunchRequest, inbox: Inbox, tell: Callable[[Outcome], None]) -> Outcome:
    clock = Clock(request.timeout_seconds, request.grace_seconds)
    setup = _configure(request)
    # Nobody is there to answer a question of git.
    env = {"GIT_TERMINAL_PROMPT": "0", **request.env, **setup.env}
    for name in (*setup.unset, *CONSUMED):
        env.pop(name, None)
    if request.setup_command:
        _set_up(request, inbox, clock)
    reader, base_commit = request.agent.reader(), head_commit(request.workdir)
    try:
        ended = run_agent(
            setup.argv,
            cwd=request.workdir,
            env=env,
            stdin=None if setup.stdin is None else setup.stdin.encode("utf-8", "surrogateescape"),
            reader=reader,
            inbox=inbox,
            clock=clock,
        )
    except OSError as error:
        raise _cannot_start(request, setup.argv[0], error) from error
    end = reader.end(ended.exit_code, ended.stderr)
    facts = read_local_facts(request.workdir, base=request.base_branch, base_commit=base_commit)
    outcome = judge(end, ended, facts, model=request.agent_request.model, limit_seconds=request.timeout_seconds)
    if inbox.is_cancelled:
        return outcome
    # Asking others takes its time: should somebody end us meanwhile, this much is known.
    tell(outcome)
    facts = add_remote_facts(facts, request.workdir, upstream=request.upstream)
    # Credential helpers and transports are what the agent made of the checkout's configuration: nothing that they
    # started may still be there when the outcome is written.
    end_descendants()
    return replace(outcome, git=facts)


def _configure(request: LaunchRequest) -> Setup:
    os.umask(0o077)
    try:
        setup = request.agent.configure(request.agent_request)
    except UserError as error:
        raise Failure(Reason.INVALID_SPEC, str(error)) from error
    try:
        for item in setup.copies:
            copy(item)
        for file in setup.files:
            write_config(file)
    except (OSError, UnicodeError) as error:
        raise Failure(Reason.SETUP_FAILED, f"The agent's configuration cannot be written: {error}") from error
    finally:
        os.umask(0o022)
    for warning in (*left_out(request.agent, given_to(request.agent_request)), *setup.warnings):
        note(warning)
    return setup


def _set_up(request: LaunchRequest, inbox: Inbox, clock: Clock) -> None:
    """Run the Workspace's setupCommand. Its own exit code becomes the container's."""
    program = request.setup_command[0]
    _mark(names.MARKER_SETUP_START)
    try:
        ended = run_setup(request.setup_command, cwd=request.workdir, env=request.env, inbox=inbox, clock=clock)
    except (OSError, ValueError) as error:
        ended = Ended(because=Because.ITSELF, status=NOT_FOUND)
        note(f"'{program}' cannot be started: {error}")
    if ended.because is Because.ITSELF and ended.status == 0:
        _mark(names.MARKER_SETUP_DONE)
        return
    code = 1 if ended.status is None or ended.status < 0 else ended.status
    _mark(f"{names.MARKER_SETUP_FAILED} exit={code}")
    if ended.because is Because.CANCELLED:
        raise Failure(Reason.CANCELLED, "The Task was asked to end while its setup command ran")
    if ended.because is Because.DEADLINE:
        raise Failure(Reason.DEADLINE_EXCEEDED, "The setup command took all of the Task's time; raise timeoutSeconds")
    raise Failure(
        Reason.SETUP_FAILED,
        f"The Workspace's setupCommand '{program}' ended with exit code {code}; its output is in the log",
        exit_code=code,
    )


def _cannot_start(request: LaunchRequest, program: str, error: OSError) -> Failure:
    if isinstance(error, FileNotFoundError):
        remedy = f"use an image for agent type '{request.agent.name}', or install it"
        said = f"there is no program '{program}' on the PATH; {remedy}"
    else:
        said = f"'{program}' cannot be started: {error.strerror}"
    return Failure(Reason.INVALID_SPEC, f"The agent did not run: {said}")


def _mark(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
