"""`kelos run`: create a Task, and follow it when asked to."""

from __future__ import annotations

import secrets
import string
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

import click

from kelos.api.checks import duration_seconds
from kelos.api.kinds import TASK, Manifest
from kelos.api.manifest import AGENT_TYPES, CREDENTIALS_TYPES, DEFAULT_AGENT_TYPE, TaskRequest, build_task
from kelos.cli.apply import apply_document
from kelos.cli.cancel import request_cancel, user_name
from kelos.cli.credentials import Prepared, prepare, write
from kelos.cli.documents import kind_of, read_documents, read_text
from kelos.cli.following import exit_code, follow, summary
from kelos.cli.output import to_yaml
from kelos.cli.screen import Terminal
from kelos.cli.settings import Context, pass_settings
from kelos.cluster.protocol import Cluster
from kelos.errors import UserError


@click.command("run")
@click.option("-p", "--prompt", help="What the agent should do.")
@click.option("--prompt-file", metavar="FILE", help="Read the prompt from a file; - is stdin.")
@click.option("-t", "--type", "agent_type", type=click.Choice(AGENT_TYPES), help="Agent (default claude-code).")
@click.option("--model", help="Model instead of the agent's default.")
@click.option("--effort", help="Reasoning effort.")
@click.option("--image", help="Container image instead of the agent's own.")
@click.option("--name", help="Name of the Task (default: made up).")
@click.option("--workspace", help="Workspace to work in.")
@click.option("--agent-config", "agent_configs", multiple=True, help="AgentConfig (repeatable).")
@click.option("--depends-on", multiple=True, help="Task that must succeed first (repeatable).")
@click.option("--branch", help="Git branch to work on.")
@click.option("--timeout", metavar="DURATION", help="Limit of the agent's run, such as 30m or 1h.")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="Environment variable (repeatable).")
@click.option("--secret", help="Existing Secret with the agent's credentials.")
@click.option("--credential-type", type=click.Choice(CREDENTIALS_TYPES), help="Kind of credentials (default api-key).")
@click.option("-w", "--watch", is_flag=True, help="Print phases until the Task ends; exit 1 when it fails.")
@click.option("--wait", is_flag=True, help="Like --watch, with the agent's log and the results.")
@click.option("--local", is_flag=True, help="Run on this machine, without a cluster. Implies --wait.")
@click.option("-f", "--filename", "files", multiple=True, metavar="FILE", help="With --local: apply these first.")
@click.option("--dry-run", is_flag=True, help="Print the Task and send nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before replacing a Secret or Workspace.")
@pass_settings
def command(settings: Context, /, **flags: object) -> int:
    """Create a Task."""
    call = Call(settings, flags)
    if flags["dry_run"]:
        click.echo(to_yaml(call.task(settings.namespace_without_cluster)), nl=False)
        return 0
    if flags["local"]:
        return settings.run(_run_locally(call))
    return settings.run(_run(call))


class Call:
    """One call of the command: flags over the config file."""

    def __init__(self, settings: Context, flags: dict[str, object]) -> None:
        self.settings = settings
        self.flags = flags
        self._name = str(flags["name"] or f"task-{_letters(5)}")
        if flags["files"] and not flags["local"]:
            raise UserError("--filename belongs to --local; in a cluster use 'kelos apply -f' first")

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_followed(self) -> bool:
        return bool(self.flags["wait"] or self.flags["watch"] or self.flags["local"])

    def prepared(self, namespace: str) -> Prepared:
        config = self.settings.config
        return prepare(
            config,
            agent_type=self._text("agent_type") or config.type or DEFAULT_AGENT_TYPE,
            secret=self._text("secret"),
            credential_type=self._text("credential_type"),
            workspace=self._text("workspace"),
            namespace=namespace,
        )

    def task(self, namespace: str, prepared: Prepared | None = None) -> Manifest:
        """The manifest to create. Raises UserError."""
        config, ready = self.settings.config, prepared or self.prepared(namespace)
        agent_configs = _words(self.flags["agent_configs"]) or ((config.agent_config,) if config.agent_config else ())
        timeout = self._text("timeout")
        task = build_task(
            TaskRequest(
                prompt=self._prompt(),
                name=self.name,
                namespace=namespace,
                agent_type=self._text("agent_type") or config.type,
                credentials_type=ready.credentials_type,
                credentials_secret=ready.credentials_secret,
                model=self._text("model") or config.model,
                effort=self._text("effort") or config.effort,
                image=self._text("image"),
                workspace=ready.workspace,
                agent_configs=agent_configs,
                depends_on=_words(self.flags["depends_on"]),
                branch=self._text("branch"),
                env=self._env(),
                timeout_seconds=duration_seconds(timeout, "--timeout") if timeout else None,
                triggered_by=f"cli:{user_name()}",
            )
        )
        return _with_config_env(task, self.settings)

    def _prompt(self) -> str:
        prompt, file = self._text("prompt"), self._text("prompt_file")
        if bool(prompt) == bool(file):
            raise UserError("Give the prompt with either --prompt or --prompt-file")
        return prompt or read_text(file)

    def _env(self) -> tuple[tuple[str, str], ...]:
        found = {}
        for item in _words(self.flags["env"]):
            name, equals, value = item.partition("=")
            if not equals or not name:
                raise UserError(f"--env '{name}' must be written NAME=VALUE")
            found[name] = value
        return tuple(found.items())

    def _text(self, flag: str) -> str:
        return str(self.flags[flag] or "")


async def _run(call: Call) -> int:
    settings = call.settings
    namespace = settings.namespace
    prepared = call.prepared(namespace)
    task = call.task(namespace, prepared)
    async with settings.cluster() as cluster:
        await write(cluster, prepared, confirm=_confirm(bool(call.flags["yes"])))
        await cluster.create(TASK, task)
        click.echo(f"task/{call.name} created")
        if not call.is_followed:
            return 0
        try:
            return await _follow(call, cluster, namespace)
        finally:
            if sys.exc_info()[0] is not None:
                click.echo(f"No longer watching; task/{call.name} goes on. Stop it: kelos cancel {call.name}", err=True)


async def _run_locally(call: Call) -> int:
    """The same against a cluster of our own, which ends with us."""
    from kelos.cli.plane import local_plane

    prepared = call.prepared("default")
    task = call.task("default", prepared)
    documents = [(kind_of(d, f), d) for f in _words(call.flags["files"]) for d in read_documents(f)]
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(local_plane())
        for kind, document in documents:
            await apply_document(cluster, kind, document, "default")
        await write(cluster, prepared, confirm=lambda _: None)
        await cluster.create(TASK, task)
        click.echo(f"task/{call.name} created", err=True)
        try:
            return await _follow(call, cluster, "default")
        finally:
            if sys.exc_info()[0] is not None:
                click.echo(f"Stopping task/{call.name}", err=True)
                await request_cancel(cluster, "default", call.name, by=user_name(), why="interrupted")


async def _follow(call: Call, cluster: Cluster, namespace: str) -> int:
    screen = Terminal()
    with_logs = bool(call.flags["wait"] or call.flags["local"])
    task = await follow(
        cluster, namespace, call.name, screen, with_logs=with_logs, say=lambda line: screen.err(f"{line}\n")
    )
    if with_logs and (text := summary(task)):
        screen.err(f"{text}\n")
    if (code := exit_code(task)) and not call.flags["local"]:
        click.echo(f"Read the log: kelos logs {call.name} -n {namespace}", err=True)
    return code


def _with_config_env(task: Manifest, settings: Context) -> Manifest:
    """Entries of the config file first; a flag of the same name wins."""
    if not settings.config.env:
        return task
    overrides = task["spec"].get("podOverrides") or {}
    flagged = {entry["name"] for entry in overrides.get("env") or ()}
    kept = {entry["name"]: dict(entry) for entry in settings.config.env if entry["name"] not in flagged}
    env = [*kept.values(), *(overrides.get("env") or ())]
    return {**task, "spec": {**task["spec"], "podOverrides": {**overrides, "env": env}}}


def _confirm(yes: bool) -> Callable[[str], None]:
    def ask(question: str) -> None:
        if yes:
            return
        if not sys.stdin.isatty():
            raise UserError(f"{question} Say so with --yes")
        click.confirm(question, abort=True, err=True)

    return ask


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, (tuple, list)) else ()


def _letters(count: int) -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(count))
