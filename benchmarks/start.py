"""What it costs to start: CPU of the CLI and the Action, against an empty Python and kubectl."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys

from _servers import ROOT

ROUNDS = 15


def cpu_seconds(command: list[str], env: dict[str, str]) -> float:
    """User and system time of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    from realcluster.binaries import find_kubectl, on_path

    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "GITHUB_OUTPUT")}
    python = sys.executable
    commands = {
        "python -c pass": [python, "-c", "pass"],
        "python -I -c pass": [python, "-I", "-c", "pass"],
        "kelos version": [python, "-m", "kelos", "version"],
        "kelos --help": [python, "-m", "kelos", "--help"],
        "kelos run --dry-run": [python, "-m", "kelos", "run", "--dry-run", "-p", "x", "--credential-type", "none"],
        "the Action, refused input": [python, "-I", str(ROOT / "src/kelos/action/__main__.py")],
    }
    if kubectl := find_kubectl() or on_path("kubectl"):
        commands["kubectl version --client"] = [str(kubectl), "version", "--client"]
    for command in commands.values():
        cpu_seconds(command, env)  # compile, and warm the page cache
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            times[name].append(cpu_seconds(command, env))
    medians = {name: statistics.median(values) for name, values in times.items()}
    base = medians["python -c pass"]
    print(f"{'command':<28}{'CPU ms':>9}{'x python':>10}{'x kubectl':>11}")
    for name, median in medians.items():
        kubectl_ratio = f"{median / medians['kubectl version --client']:.2f}" if kubectl else "-"
        print(f"{name:<28}{median * 1000:>9.0f}{median / base:>10.1f}{kubectl_ratio:>11}")


if __name__ == "__main__":
    main()
