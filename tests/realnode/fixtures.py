"""The cluster of the end-to-end tests as pytest fixtures: our own real node, or the cluster of a given kubeconfig."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from realcluster.binaries import AssetsUnavailableError
from realcluster.client import Api, connect
from realcluster.namespaces import create_namespace

from .debian import Packages, require_packages
from .node import Node, provide
from .oci import Image, write_image
from .private import run

KUBECONFIG_VARIABLE = "KELOS_E2E_KUBECONFIG"
# A command that is given an archive, as `kind load image-archive`; only with the variable above.
LOAD_VARIABLE = "KELOS_E2E_LOAD_IMAGE"
BUSYBOX_IMAGE = "kelos.test/busybox:1"


class Cluster(Protocol):
    """What a test may ask of a cluster with a node."""

    @property
    def kubeconfig(self) -> Path: ...

    @property
    def api(self) -> Api: ...

    def load_image(self, archive: Path) -> object:
        """Make the images of an OCI archive usable by pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenCluster:
    """Somebody else's cluster; images come into it the way its owner says."""

    kubeconfig: Path

    @property
    def api(self) -> Api:
        return connect(self.kubeconfig)

    def load_image(self, archive: Path) -> None:
        command = os.environ.get(LOAD_VARIABLE)
        if not command:
            pytest.fail(
                f"{KUBECONFIG_VARIABLE} is set without {LOAD_VARIABLE}: say how image archives get there, "
                f"for example {LOAD_VARIABLE}='kind load image-archive'.",
                pytrace=False,
            )
        run([*shlex.split(command), str(archive)])


@pytest.fixture(scope="session")
def node_packages(pytestconfig: pytest.Config) -> Packages:
    """Everything a node is made of, built and fetched now when this machine never did; never a reason to skip."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    assert capture is not None

    def tell(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{text}", flush=True)

    try:
        return require_packages(tell) if KUBECONFIG_VARIABLE in os.environ else provide(tell)
    except AssetsUnavailableError as error:
        problem = str(error)
    pytest.fail(f"The end-to-end tests cannot run: {problem}", pytrace=False)


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest, cluster_crds: list[dict[str, Any]]) -> Iterator[Cluster]:
    """The cluster that all end-to-end tests share."""
    if given := os.environ.get(KUBECONFIG_VARIABLE):
        yield GivenCluster(kubeconfig=Path(given))
        return
    packages: Packages = request.getfixturevalue("node_packages")
    with Node.start(packages, cluster_crds) as own:
        yield own


@pytest.fixture(scope="session")
def busybox_archive(node_packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with a shell and its commands: one static program and the links to it."""
    place = tmp_path_factory.mktemp("busybox")
    (place / "root/bin").mkdir(parents=True)
    (place / "root/tmp").mkdir()
    (place / "root/tmp").chmod(0o1777)
    program = place / "root/bin/busybox"
    program.write_bytes(node_packages.busybox.read_bytes())
    program.chmod(0o755)
    for command in run([str(program), "--list"]).split():
        if command != "busybox":
            (place / "root/bin" / command).symlink_to("busybox")
    image = Image(name=BUSYBOX_IMAGE, entrypoint=("/bin/sh", "-c"), environment={"PATH": "/bin"})
    return write_image(place / "busybox.tar", image, place / "root")


@pytest.fixture(scope="session")
def busybox(node: Cluster, busybox_archive: Path) -> str:
    """The name of that image, present on the node."""
    node.load_image(busybox_archive)
    return BUSYBOX_IMAGE


@pytest.fixture
def node_namespace(node: Cluster) -> str:
    """A namespace of the shared cluster for one test."""
    return create_namespace(node.api, "e2e")
