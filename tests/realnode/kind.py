"""`python -m realnode.kind COMMAND…`: run a command with a kind cluster of its own, and delete the cluster in any case.

The command finds the cluster in KELOS_E2E_KUBECONFIG and the way in for images in KELOS_E2E_LOAD_IMAGE.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from .fixtures import KUBECONFIG_VARIABLE, LOAD_VARIABLE

READY_WITHIN = "120s"
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(command: Sequence[str]) -> int:
    """The exit code of the command; 1 and a sentence when there can be no cluster."""
    if not command:
        print("Usage: python -m realnode.kind COMMAND…", file=sys.stderr)
        return 2
    if shutil.which("kind") is None:
        print("kind is missing: see https://kind.sigs.k8s.io, or leave CLUSTER out.", file=sys.stderr)
        return 1
    for number in ENDS:
        signal.signal(number, _end)
    name = f"kelos-e2e-{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory(prefix="kelos-kind-") as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        try:
            if _kind("create", "cluster", f"--name={name}", f"--kubeconfig={kubeconfig}", f"--wait={READY_WITHIN}"):
                print("kind made no cluster; what it said is above.", file=sys.stderr)
                return 1
            load = f"kind load image-archive --name {name}"
            given = {KUBECONFIG_VARIABLE: str(kubeconfig), LOAD_VARIABLE: load}
            return subprocess.run(command, env={**os.environ, **given}, check=False).returncode
        finally:
            _kind("delete", "cluster", f"--name={name}", f"--kubeconfig={kubeconfig}")


def _kind(*words: str) -> int:
    return subprocess.run(["kind", *words], check=False).returncode


def _end(number: int, frame: FrameType | None) -> None:
    for each in ENDS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
