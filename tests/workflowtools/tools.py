"""Where actionlint and act are: in a cache outside the checkout that is filled once."""

import re
from pathlib import Path

from realcluster.binaries import Tell, cache_folder, is_program
from realcluster.gobuild import GoModule, provide

FOLDER = Path(__file__).parent / "go"
PACKAGES = {"actionlint": "github.com/rhysd/actionlint/cmd/actionlint", "act": "github.com/nektos/act"}
MODULES = {"actionlint": "github.com/rhysd/actionlint", "act": "github.com/nektos/act"}
MINUTES = {"actionlint": 1, "act": 3}


def require_tool(name: str, tell: Tell) -> Path:
    """The program, built now when this machine never did; raises `AssetsUnavailableError` when it cannot be."""
    version = pinned_version(name)
    folder = cache_folder().parent / f"{name}-{version}"
    module = GoModule(
        folder=FOLDER,
        title=f"{name} {version}",
        packages=PACKAGES,
        minutes=MINUTES,
        ldflags=f"-s -w -X main.version={version}",
    )
    if not is_program(folder / name):
        provide(module, folder, [name], tell)
    return folder / name


def pinned_version(name: str) -> str:
    """The version in go.mod."""
    found = re.search(rf"^\s*{re.escape(MODULES[name])} (v\S+)", (FOLDER / "go.mod").read_text(), re.MULTILINE)
    assert found, f"go.mod requires no {MODULES[name]}"
    return found[1]
