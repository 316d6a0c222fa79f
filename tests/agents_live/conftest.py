"""The CLIs, installed once; without them the whole run fails with one sentence."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agents_live.bench import Bench
from agents_live.clis import Cli
from agents_live.install import Missing, installed, wanted_versions

VERSIONS = pytest.StashKey[dict[str, str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what ran: a result without its versions says little."""
    for package, version in config.stash.get(VERSIONS, {}).items():
        terminalreporter.write_line(f"ran {package} {version}")


@pytest.fixture(scope="session")
def programs(pytestconfig: pytest.Config) -> Path:
    """The folder of the CLIs' programs."""
    try:
        versions = wanted_versions(os.environ.get("AGENT_VERSIONS", ""))
        folder = installed(versions)
    except Missing as why:
        pytest.exit(f"The agent CLIs cannot be run: {why}", returncode=1)
    pytestconfig.stash[VERSIONS] = versions
    return folder


@pytest.fixture
def bench(programs: Path, tmp_path: Path) -> Callable[[Cli], Bench]:
    """A fresh checkout and an empty home for a CLI."""
    return lambda cli: Bench(tmp_path, programs, cli)
