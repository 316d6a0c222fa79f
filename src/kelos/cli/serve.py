"""`kelos serve`: the long-running parts of the system."""

from __future__ import annotations

from collections.abc import Callable

import click

from kelos.api.quantity import bytes_of
from kelos.cli.settings import Context, pass_settings
from kelos.errors import KelosError
from kelos.settings import AGENT_TYPES, Settings, default_images

LEAST_SOURCE_MEMORY = 16 * 1024 * 1024


def log_options(deed: Callable[..., None]) -> Callable[..., None]:
    """How every part of the system writes its log."""
    level = click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        show_default=True,
        help="What to write to stderr.",
    )
    form = click.option(
        "--log-format",
        type=click.Choice(["json", "text"]),
        default="json",
        show_default=True,
        help="One JSON object a line, or lines for people.",
    )
    return level(form(deed))


@click.group("serve")
def command() -> None:
    """Run a part of the system until it is stopped."""


@command.command("controller")
@click.option(
    "--watch-namespace",
    "namespaces",
    multiple=True,
    metavar="NAME",
    help="Serve this namespace instead of all (repeatable; so does -n): rights in it are enough.",
)
@click.option("--leader-elect", is_flag=True, help="Wait until no other controller leads.")
@click.option("--election-namespace", default="kelos-system", show_default=True, help="Where the leader's Lease is.")
@click.option("--agent-image", "images", multiple=True, metavar="TYPE=IMAGE", help="Image of an agent (repeatable).")
@click.option("--runner-image", metavar="IMAGE", help="Image that prepares workspaces.")
@click.option(
    "--image-pull-policy",
    type=click.Choice(["Always", "IfNotPresent", "Never"]),
    help="When nodes fetch these images (default: as Kubernetes decides by the tag).",
)
@click.option("--spawner-image", metavar="IMAGE", help="Image of the processes that Dedicated TaskSpawners get.")
@click.option(
    "--spawner-resource-requests", "requests", metavar="NAME=QUANTITY,…", help="What these processes ask for."
)
@click.option("--spawner-resource-limits", "limits", metavar="NAME=QUANTITY,…", help="What they may use at most.")
@click.option("--persistent-size", metavar="QUANTITY", help="Storage of a persistent Workspace (default 10Gi).")
@click.option("--persistent-storage-class", metavar="NAME", help="Its storage class (default: the cluster's).")
@click.option(
    "--source-memory",
    metavar="QUANTITY",
    help="Memory for what is kept from sources (default: a quarter of the container's limit, 256Mi without one).",
)
@click.option("--health-port", type=click.IntRange(1, 65535), metavar="PORT", help="Serve /healthz, /readyz, /metrics.")
@log_options
@pass_settings
def controller(
    settings: Context,
    namespaces: tuple[str, ...],
    leader_elect: bool,
    election_namespace: str,
    images: tuple[str, ...],
    runner_image: str | None,
    image_pull_policy: str | None,
    spawner_image: str | None,
    requests: str | None,
    limits: str | None,
    persistent_size: str | None,
    persistent_storage_class: str | None,
    source_memory: str | None,
    health_port: int | None,
    log_level: str,
    log_format: str,
) -> None:
    """Run the controller against the cluster of the kubeconfig."""
    import structlog

    from kelos.processes.controller import run_controller
    from kelos.processes.signals import until_signal
    from kelos.telemetry.logs import configure_logs

    configure_logs(level=log_level, as_json=log_format == "json")
    served = tuple(dict.fromkeys((*namespaces, *([settings.namespace_flag] if settings.namespace_flag else []))))
    defaults = Settings()
    chosen = Settings(
        agent_images={**default_images(), **dict(_pairs(images))},
        runner_image=runner_image or defaults.runner_image,
        image_pull_policy=image_pull_policy,
        spawner_image=spawner_image or defaults.spawner_image,
        spawner_requests=_quantities(requests) if requests else defaults.spawner_requests,
        spawner_limits=_quantities(limits) if limits else defaults.spawner_limits,
        persistent_size=persistent_size or defaults.persistent_size,
        persistent_storage_class=persistent_storage_class,
        source_memory_bytes=_bytes(source_memory) if source_memory else None,
    )

    async def run() -> None:
        async with settings.cluster() as cluster:
            log = structlog.get_logger("kelos")
            log.info("Controller started", namespaces=list(served) or "all", server=settings.access.server)
            await until_signal(
                run_controller(
                    cluster,
                    settings=chosen,
                    log=log,
                    namespaces=served,
                    election_namespace=election_namespace if leader_elect else None,
                    health_port=health_port,
                )
            )
            log.info("Controller stopped")

    settings.run(run())


@command.command("spawner")
@click.option("--name", "--taskspawner-name", required=True, metavar="NAME", help="The TaskSpawner.")
@click.option("--taskspawner-namespace", metavar="NAME", help="Its namespace; -n says the same.")
@click.option("--one-shot", is_flag=True, help="Look once, create what is due, and end: 0 when that went well, else 1.")
@click.option("--health-port", type=click.IntRange(1, 65535), metavar="PORT", help="Serve /healthz, /readyz, /metrics.")
@log_options
@pass_settings
def spawner(
    settings: Context,
    name: str,
    taskspawner_namespace: str | None,
    one_shot: bool,
    health_port: int | None,
    log_level: str,
    log_format: str,
) -> None:
    """Look after one Dedicated TaskSpawner; its Deployment or CronJob runs this."""
    import structlog

    from kelos.processes.signals import until_signal
    from kelos.processes.spawner import SpawnerOptions, run_spawner, run_spawner_once
    from kelos.telemetry.logs import configure_logs

    configure_logs(level=log_level, as_json=log_format == "json")
    namespace = taskspawner_namespace or settings.namespace
    options = SpawnerOptions(namespace=namespace, name=name, health_port=None if one_shot else health_port)

    async def run() -> None:
        async with settings.cluster() as cluster:
            log = structlog.get_logger("kelos")
            log.info("Spawner started", taskspawner=name, namespace=namespace)
            try:
                await until_signal((run_spawner_once if one_shot else run_spawner)(cluster, options, log))
            except KelosError as error:
                if not one_shot:
                    raise
                log.error("Run failed", taskspawner=name, namespace=namespace, error=str(error))
                raise click.exceptions.Exit(1) from None
            log.info("Spawner stopped", taskspawner=name, namespace=namespace)

    settings.run(run())


def _pairs(images: tuple[str, ...]) -> list[tuple[str, str]]:
    pairs = []
    for text in images:
        agent, equals, image = text.partition("=")
        if not equals or not image or agent not in AGENT_TYPES:
            raise click.BadParameter(f"'{text}' must be TYPE=IMAGE with TYPE one of {', '.join(AGENT_TYPES)}")
        pairs.append((agent, image))
    return pairs


def _bytes(text: str) -> int:
    found = bytes_of(text)
    if found is None or found < LEAST_SOURCE_MEMORY:
        raise click.BadParameter(f"'{text}' must be a quantity of at least 16Mi, such as 256Mi")
    return found


def _quantities(text: str) -> dict[str, str]:
    found = {}
    for part in text.split(","):
        name, equals, quantity = (word.strip() for word in part.partition("="))
        if not equals or not name or not quantity:
            raise click.BadParameter(f"'{part}' must be NAME=QUANTITY, such as memory=256Mi")
        found[name] = quantity
    return found
