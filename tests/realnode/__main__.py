"""`PYTHONPATH=tests python -m realnode`: provide the programs, or run a cluster with one real node by hand."""

import argparse
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from realcluster.__main__ import read_crds
from realcluster.binaries import AssetsUnavailableError
from realcluster.processes import ProgramDiedError

from .debian import Packages
from .node import Node, provide
from .private import NodeSetupError

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Do one verb; 1 and a sentence when a node cannot be had here."""
    parser = argparse.ArgumentParser(prog="python -m realnode", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("provide", help="build or fetch everything a node is made of")
    up = verbs.add_parser("up", help="start a cluster with one node; it ends with standard input, or by a signal")
    up.add_argument("--kubeconfig", type=Path, required=True, help="where to write the administrator's kubeconfig")
    up.add_argument("--crds", type=Path, action="append", default=[], help="a YAML file of CRDs to install first")
    up.add_argument("--image", type=Path, action="append", default=[], help="an OCI or Docker archive to load")
    options = parser.parse_args(arguments)
    for number in ENDS:
        signal.signal(number, end)
    try:
        packages = provide(lambda text: print(text, file=sys.stderr, flush=True))
        if options.verb == "up":
            run(packages, options.kubeconfig, read_crds(options.crds), options.image)
    except (AssetsUnavailableError, NodeSetupError, ProgramDiedError) as error:
        print(f"No real node: {error}", file=sys.stderr)
        return 1
    return 0


def run(packages: Packages, kubeconfig: Path, crds: list[dict[str, object]], images: list[Path]) -> None:
    """Hold a node until standard input ends; the kubeconfig is there as long as the node is."""
    started = time.monotonic()
    with Node.start(packages, crds) as node:
        for archive in images:
            node.load_image(archive)
        shutil.copy(node.kubeconfig, kubeconfig)
        try:
            print(f"Ready after {time.monotonic() - started:.1f} s: {kubeconfig}", flush=True)
            sys.stdin.read()
        finally:
            kubeconfig.unlink(missing_ok=True)


def end(number: int, frame: FrameType | None) -> None:
    """Leave by the way of every error, which stops the node; a second signal does not disturb that."""
    for each in ENDS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
