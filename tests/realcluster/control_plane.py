"""One throw-away Kubernetes control plane, by default on loopback: etcd, kube-apiserver and kube-controller-manager.

No node (`realnode` has one): pods stay Pending until `fake_node` plays their part, and logs and exec answer with an
error.
"""

import json
import random
import signal
import socket
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Any, Self

from .binaries import Binaries
from .client import Api, connect
from .crds import install_crds
from .kubeconfigs import write_kubeconfig
from .namespaces import await_service_account, create_namespace
from .pki import create_pki
from .processes import Program, Workshop
from .programs import LOOPBACK, Site, apiserver_command, controller_manager_command, etcd_command
from .waiting import wait_for


class ControlPlane:
    """A running control plane; ends with `stop`, with the `with` block, or with this process."""

    def __init__(
        self, binaries: Binaries, address: str = LOOPBACK, authentication: Mapping[str, Any] | None = None
    ) -> None:
        self._workshop = Workshop()
        self.site = _prepare_site(binaries, self._workshop.folder, address, authentication)
        authority = self.site.pki.authority.certificate
        folder, url = self._workshop.folder, self.site.server_url
        token = self.site.token_file.read_text().split(",")[0]
        self.kubeconfig = write_kubeconfig(
            folder / "kubeconfig", server=url, authority=authority, pair=self.site.pki.admin
        )
        self.token_kubeconfig = write_kubeconfig(
            folder / "kubeconfig-token", server=url, authority=authority, token=token
        )
        self.kubectl = binaries.kubectl
        self.api: Api = connect(self.kubeconfig)
        self._apiserver: Program | None = None

    @classmethod
    def start(
        cls,
        binaries: Binaries,
        crds: Iterable[Mapping[str, Any]] = (),
        *,
        address: str = LOOPBACK,
        authentication: Mapping[str, Any] | None = None,
    ) -> Self:
        """Start everything; the definitions come before the controllers, which look for kinds only every 30 s.

        `authentication` is an AuthenticationConfiguration: which issuers' tokens the API server believes.
        """
        plane = cls(binaries, address, authentication)
        try:
            plane._start_store()
            plane.start_apiserver()
            install_crds(plane.api, crds)
            plane._start_controllers()
        except BaseException:
            plane.stop()
            raise
        return plane

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every program and remove all files."""
        self._workshop.close()

    @property
    def programs(self) -> Sequence[Program]:
        """Everything that must be running; a killed API server is among them."""
        return self._workshop.programs

    def start_apiserver(self) -> None:
        """Start the API server, on the same address every time, and return when it is ready."""
        program = self._workshop.start("kube-apiserver", apiserver_command(self.site))
        self._apiserver = program
        wait_for("kube-apiserver to be ready", lambda: _is_ready(self.api, program), 60)

    def kill_apiserver(self) -> None:
        """End the API server as a crash does: connections break, nothing is said."""
        self._running_apiserver().kill()

    def restart_apiserver(self) -> None:
        """Crash the API server and start it again; the data stays."""
        self.kill_apiserver()
        self.start_apiserver()

    def pause_apiserver(self) -> None:
        """Freeze the API server: connections stay open and silent, as with a dead network."""
        self._running_apiserver().send(signal.SIGSTOP)

    def resume_apiserver(self) -> None:
        """Let a paused API server go on."""
        self._running_apiserver().send(signal.SIGCONT)

    def create_namespace(self, prefix: str = "test") -> str:
        """A new namespace in which pods may be created; nobody deletes it, it goes with the control plane."""
        return create_namespace(self.api, prefix)

    def _start_store(self) -> None:
        etcd = self._workshop.start("etcd", etcd_command(self.site))
        wait_for("etcd to listen", lambda: _listens(self.site.etcd_port, etcd))

    def _start_controllers(self) -> None:
        pair = self.site.pki.controller_manager
        kubeconfig = write_kubeconfig(
            self._workshop.folder / "kubeconfig-controllers",
            server=self.site.server_url,
            authority=self.site.pki.authority.certificate,
            pair=pair,
        )
        self._workshop.start("kube-controller-manager", controller_manager_command(self.site, kubeconfig))
        await_service_account(self.api, "default")

    def _running_apiserver(self) -> Program:
        assert self._apiserver is not None
        return self._apiserver


def _prepare_site(
    binaries: Binaries, folder: Path, address: str, authentication: Mapping[str, Any] | None = None
) -> Site:
    ports = free_ports(3)
    structured = folder / "authentication.json" if authentication is not None else None
    if structured is not None:
        structured.write_text(json.dumps(authentication))
    token_file = folder / "tokens.csv"
    token_file.touch(mode=0o600)
    token_file.write_text(f"{token_hex(16)},admin,admin,system:masters\n")
    return Site(
        binaries=binaries,
        folder=folder,
        pki=create_pki(folder / "pki", datetime.now(timezone.utc), address),
        etcd_port=ports[0],
        etcd_peer_port=ports[1],
        server_port=ports[2],
        token_file=token_file,
        address=address,
        authentication=structured,
    )


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on, outside the range from which the kernel takes ports for clients.

    They are this process's until it ends: other test runs beside it choose others, though nobody listens yet.
    """
    chosen: list[int] = []
    while len(chosen) < count:
        port = random.randrange(20000, 32000)
        if _is_free(port) and _claims(port):
            chosen.append(port)
    return chosen


def _claims(port: int) -> bool:
    """Take a name that only one process can have at a time; the kernel gives it back when that ends."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0kelos-test-port-{port}")
    except OSError:
        claim.close()
        return False
    claim.detach()
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _listens(port: int, program: Program) -> bool:
    program.check()
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _is_ready(api: Api, program: Program) -> bool:
    program.check()
    try:
        return api.get("/readyz").status == 200
    except OSError:
        return False
