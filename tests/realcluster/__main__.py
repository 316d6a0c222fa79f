"""`PYTHONPATH=tests python -m realcluster`: provide the programs, or run a control plane by hand."""

import argparse
import signal
import sys
from pathlib import Path

import yaml

from .binaries import AssetsUnavailableError, require_binaries
from .control_plane import ControlPlane


def main(arguments: list[str]) -> int:
    """Do one verb; 1 and a sentence when the programs cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m realcluster", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("provide", help="find or build the programs, print their folder")
    up = verbs.add_parser("up", help="start a control plane, print its kubeconfig, run until Ctrl-C")
    up.add_argument("--crds", type=Path, action="append", default=[], help="a YAML file of CRDs to install first")
    options = parser.parse_args(arguments)
    try:
        binaries = require_binaries(lambda text: print(text, file=sys.stderr, flush=True))
    except AssetsUnavailableError as error:
        print(f"No real Kubernetes for the tests: {error}", file=sys.stderr)
        return 1
    if options.verb == "provide":
        print(binaries.kubectl.parent)
    else:
        run(ControlPlane.start(binaries, read_crds(options.crds)))
    return 0


def run(plane: ControlPlane) -> None:
    """Hold the control plane until somebody asks for its end."""
    with plane:
        print(f"export KUBECONFIG={plane.kubeconfig}", flush=True)
        print(f"{plane.kubectl} works with it; Ctrl-C ends everything.", file=sys.stderr, flush=True)
        ends = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        signal.sigwait(ends)


def read_crds(files: list[Path]) -> list[dict[str, object]]:
    """Every document of the files."""
    return [document for file in files for document in yaml.safe_load_all(file.read_text()) if document]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
