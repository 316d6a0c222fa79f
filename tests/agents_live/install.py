"""The CLIs from npm, in a cache outside the checkout: one folder for every set of versions."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

VERSIONS = Path(__file__).with_name("versions.json")
LATEST = "latest"
SECONDS = 900
RETRIES = ("--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")


class Missing(Exception):
    """The CLIs cannot be had; the text says why and what helps."""


def wanted_versions(which: str) -> dict[str, str]:
    """The exact versions to run: the pinned ones, or the newest that the registry has."""
    pinned: dict[str, str] = json.loads(VERSIONS.read_text())
    if which in ("", "pinned"):
        return pinned
    if which != LATEST:
        raise Missing(f"AGENT_VERSIONS is '{which[:40]}'; leave it out for the pinned versions or set it to {LATEST}")
    return {package: _npm("view", package, "version", cwd=Path.cwd()).strip() for package in pinned}


def installed(versions: dict[str, str]) -> Path:
    """The folder with the CLIs' programs. Installs them once; a broken attempt leaves nothing."""
    digest = hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kelos"
    target = cache / f"agents-{digest}"
    if not target.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=cache, prefix="agents-new-"))
        try:
            _fill(new, versions)
            new.rename(target)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return target / "node_modules" / ".bin"


def _fill(folder: Path, versions: dict[str, str]) -> None:
    (folder / "package.json").write_text(json.dumps({"private": True}))
    exact = [f"{package}@{version}" for package, version in versions.items()]
    # With their scripts: two of the four are only stubs until these have run.
    _npm("install", "--no-audit", "--no-fund", "--save-exact", "--loglevel=error", *exact, cwd=folder)


def _npm(*arguments: str, cwd: Path) -> str:
    program = shutil.which("npm")
    if program is None:
        raise Missing("npm is missing, and with it the agent CLIs: install Node.js 20 or newer with npm")
    try:
        done = subprocess.run(
            (program, *arguments, *RETRIES),
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise Missing(f"npm {arguments[0]} did not end within {SECONDS} seconds; is its registry reachable?") from error
    if done.returncode != 0:
        said = next((line for line in done.stderr.splitlines() if line.strip()), "no word why")
        raise Missing(f"npm {arguments[0]} failed ({said.strip()[:200]}); is its registry reachable?")
    return done.stdout
