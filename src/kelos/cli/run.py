"""`kelos run`: create a Task, and follow it when asked to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import click

from kelos.api.kinds import AGENT_CONFIG, SECRET, TASK, WORKSPACE, Kind, Manifest
from kelos.api.manifest import AGENT_TYPES, CREDENTIALS_TYPES
from kelos.cli.apply import apply_document
from kelos.cli.call import Call
from kelos.cli.credentials import write
from kelos.cli.documents import kind_of, read_documents
from kelos.cli.following import advice, exit_code, follow, summary
from kelos.cli.objects import refused_write
from kelos.cli.output import to_yaml
from kelos.cli.screen import Terminal, ask
from kelos.cli.settings import Context, pass_settings
from kelos.cluster.protocol import Cluster
from kelos.errors import AlreadyExists, NotFound, UserError

LOCAL_NAMESPACE = "default"


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
@click.option("--base-ref", help="Branch, tag or commit that a new branch starts at (default: the Workspace's ref).")
@click.option("--timeout", metavar="DURATION", help="Limit of the agent's run, such as 30m or 1h.")
@click.option(
    "--start-timeout", metavar="DURATION", help="Limit for what is missing and the pod's start (default 10m)."
)
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="Environment variable (repeatable).")
@click.option("--secret", help="Existing Secret with the agent's credentials.")
@click.option("--credential-type", type=click.Choice(CREDENTIALS_TYPES), help="Kind of credentials (default api-key).")
@click.option("-w", "--watch", is_flag=True, help="Print phases until the Task ends; exit 1 when it fails.")
@click.option("--wait", is_flag=True, help="Like --watch, with the agent's log and the results.")
@click.option("--local", is_flag=True, help="Run on this machine, without a cluster. Implies --wait.")
@click.option(
    "--containers",
    type=click.Choice(["auto", "docker", "podman", "none"]),
    default="auto",
    show_default=True,
    help="With --local: run in containers. auto: only what the programs of this machine cannot run.",
)
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


async def _run(call: Call) -> int:
    settings = call.settings
    call.task(settings.namespace_without_cluster)  # what is wrong with the call is said before a cluster is looked for
    namespace = settings.namespace
    prepared = call.prepared(namespace)
    task = call.task(namespace, prepared)
    async with settings.cluster() as cluster:
        await write(cluster, prepared, confirm=_confirm(bool(call.flags["yes"])))
        await _create(cluster, call, task)
        click.echo(f"task/{call.name} created")
        if not call.is_followed:
            return 0
        try:
            return await _follow(call, cluster, namespace)
        except asyncio.CancelledError:
            stop = f"kelos cancel {call.name} -n {namespace}"
            click.echo(f"No longer watching; task/{call.name} goes on. Stop it: {stop}", err=True)
            raise


async def _run_locally(call: Call) -> int:
    """The same against a cluster of our own, which ends with us."""
    from kelos.cli.plane import local_plane
    from kelos.processes.engines import check_image

    prepared = call.prepared(LOCAL_NAMESPACE)
    task = call.task(LOCAL_NAMESPACE, prepared)
    documents = [(kind_of(d, f), d) for f in call.files for d in read_documents(f)]
    containers = str(call.flags["containers"])
    await check_image(containers, str(call.flags["image"] or ""))  # said by us, and not by the child ten minutes later
    async with local_plane(containers) as plane:
        cluster = plane.cluster
        for kind, document in documents:
            await apply_document(cluster, kind, document, LOCAL_NAMESPACE)
        await write(cluster, prepared, confirm=lambda _: None)
        await _check_references(cluster, task)
        await _create(cluster, call, task)
        click.echo(f"task/{call.name} created", err=True)
        try:
            return await plane.while_it_runs(_follow(call, cluster, LOCAL_NAMESPACE))
        except asyncio.CancelledError:
            click.echo(f"Stopping task/{call.name}", err=True)
            raise


async def _create(cluster: Cluster, call: Call, task: Manifest) -> None:
    try:
        await cluster.create(TASK, task)
    except NotFound as error:
        raise await refused_write(cluster, TASK, task["metadata"]["namespace"], error) from None
    except AlreadyExists:
        where = f"namespace '{task['metadata']['namespace']}'"
        raise AlreadyExists(
            f"Task '{call.name}' already exists in {where}; choose another --name, or 'kelos delete task {call.name}'",
            reason="AlreadyExists",
        ) from None


async def _check_references(cluster: Cluster, task: Manifest) -> None:
    """A cluster of our own holds what we put there; nobody will add what is missing."""
    spec = task["spec"]
    wanted = [
        (SECRET, (spec["credentials"].get("secretRef") or {}).get("name")),
        (WORKSPACE, (spec.get("workspaceRef") or {}).get("name")),
        *((AGENT_CONFIG, ref["name"]) for ref in spec.get("agentConfigRefs") or ()),
        *((TASK, name) for name in spec.get("dependsOn") or ()),
    ]
    for kind, name in wanted:
        if name and kind is WORKSPACE:
            workspace = await _look_up(cluster, kind, name)
            if secret := ((workspace.get("spec") or {}).get("secretRef") or {}).get("name"):
                await _look_up(cluster, SECRET, secret, f" (git token of Workspace '{name}')")
        elif name:
            await _look_up(cluster, kind, name)


async def _look_up(cluster: Cluster, kind: Kind, name: str, purpose: str = "") -> Manifest:
    try:
        return await cluster.get(kind, LOCAL_NAMESPACE, name)
    except NotFound:
        raise UserError(f"{kind} '{name}'{purpose} is not there with --local; give its manifest with -f FILE") from None


async def _follow(call: Call, cluster: Cluster, namespace: str) -> int:
    screen = Terminal()
    with_logs = bool(call.flags["wait"] or call.flags["local"])
    task = await follow(
        cluster, namespace, call.name, screen, with_logs=with_logs, say=lambda line: screen.err(f"{line}\n")
    )
    if text := summary(task) if with_logs else advice(task):
        screen.err(f"{text}\n")
    if (code := exit_code(task)) and not with_logs:
        screen.err(f"Read the log: kelos logs {call.name} -n {namespace}\n")
    return code


def _confirm(yes: bool) -> Callable[[str], None]:
    return (lambda _: None) if yes else ask
