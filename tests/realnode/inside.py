"""Run as process 1 of the private namespaces: a control plane, a node, and the end of both when anything dies."""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from realcluster.binaries import NODE_PROGRAMS, require_binaries, require_folder
from realcluster.control_plane import ControlPlane
from realcluster.kubeconfigs import write_kubeconfig
from realcluster.processes import Program, Workshop
from realcluster.waiting import wait_for

from .cable import Cable
from .commands import start_node
from .debian import require_packages
from .private import connect_network, hide_machine
from .settings import NodeSite

SLOT, CRDS, READY = "slot", "crds.json", "kubeconfig"


def main(folder: Path) -> None:
    """Bring everything up below the folder, put the kubeconfig there as the sign, and watch over the programs."""
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)  # nothing is removed here: the end comes without a word
    binaries, packages = require_binaries(print), require_packages(print)
    programs = require_folder(NODE_PROGRAMS, print)
    wait_for("the slot", (folder / SLOT).exists)
    cable = Cable(slot=int((folder / SLOT).read_text()))
    hide_machine(folder)
    connect_network(cable.address, cable.gateway, packages.nft, packages.environment)
    plane = ControlPlane.start(binaries, json.loads((folder / CRDS).read_text()), address=cable.address)
    site = NodeSite(folder=folder, control=plane.site, packages=packages, programs=programs, cgroup=folder.name)
    workshop = Workshop()
    start_node(site, plane.api, workshop)
    pki = plane.site.pki
    sign = write_kubeconfig(
        folder / f".{READY}", server=plane.site.server_url, authority=pki.authority.certificate, pair=pki.admin
    )
    sign.rename(folder / READY)
    watch([*plane.programs, *workshop.programs])


def watch(programs: Sequence[Program]) -> None:
    """Until one of the programs ends, which is an error; orphans of pods come here to be forgotten."""
    pids = {program.pid: program for program in programs}
    while True:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        if ended is None:
            continue
        if ended.si_pid in pids:
            pids[ended.si_pid].check()
        os.waitpid(ended.si_pid, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
