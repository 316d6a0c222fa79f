"""What a command works with: flags before the config file before defaults, and the way to the cluster.

Imports are late here: a command pays for what it uses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from kelos.cli.config import Config
    from kelos.cluster.access import ClusterAccess
    from kelos.cluster.client import HttpCluster

Result = TypeVar("Result")

DEFAULT_CONFIG = "~/.kelos/config.yaml"


@dataclass
class Context:
    """The global flags of one call, and what follows from them."""

    config_path: str | None = None
    kubeconfig: str | None = None
    kube_context: str | None = None
    namespace_flag: str | None = None

    @property
    def config_file(self) -> Path:
        return Path(self.config_path or DEFAULT_CONFIG).expanduser()

    @cached_property
    def config(self) -> Config:
        from kelos.cli.config import load_config

        return load_config(self.config_file, is_required=self.config_path is not None)

    @cached_property
    def access(self) -> ClusterAccess:
        from kelos.cluster.kubeconfig import load_access

        return load_access(kubeconfig=self.kubeconfig, context=self.kube_context)

    @property
    def namespace(self) -> str:
        """`-n`, else the config file, else the kubeconfig's context."""
        return self.namespace_flag or self.config.namespace or self.access.namespace

    @property
    def namespace_without_cluster(self) -> str:
        """The same as far as it can be known without a kubeconfig."""
        return self.namespace_flag or self.config.namespace or "default"

    @asynccontextmanager
    async def cluster(self) -> AsyncIterator[HttpCluster]:
        from kelos.cluster.client import connect

        async with await connect(self.access) as cluster:
            yield cluster

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a command's asynchronous part; Ctrl-C ends it."""
        import asyncio

        try:
            return asyncio.run(work)
        except KeyboardInterrupt:
            raise click.exceptions.Abort from None


pass_settings = click.make_pass_decorator(Context)


def global_options(*, hidden: bool = False) -> list[click.Option]:
    """The flags that every command takes, before its name or after it; the last one given wins."""

    def option(words: list[str], field: str, metavar: str, text: str) -> click.Option:
        keep = _keeper(field)
        return click.Option(words, metavar=metavar, help=text, hidden=hidden, expose_value=False, callback=keep)

    return [
        option(["--config"], "config_path", "FILE", "Config file (default ~/.kelos/config.yaml)."),
        option(["--kubeconfig"], "kubeconfig", "FILE", "Kubeconfig (default $KUBECONFIG, then ~/.kube/config)."),
        option(["--context"], "kube_context", "NAME", "Context of the kubeconfig."),
        option(["-n", "--namespace"], "namespace_flag", "NAME", "Namespace (default from config, then the context)."),
    ]


def _keeper(field: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def keep(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
        settings = ctx.ensure_object(Context)
        if value is not None:
            setattr(settings, field, value)

    return keep
