"""`make demo`: the promise of the README's first minute."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fakes.git_server import git

from .person import Person

DEMO = Path(__file__).parents[3] / "examples/demo/demo.py"


def test_the_demo_works_twice_and_leaves_files_as_on_a_runner(person: Person, tmp_path: Path) -> None:
    """Outputs and summary are appended to the files the runner names; what outputs point to exists; nothing runs on."""
    folder, output, summary = tmp_path / "demo", tmp_path / "output", tmp_path / "summary"
    person.env |= {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, str(DEMO), str(folder)], env=person.env, capture_output=True, text=True, timeout=120
        )
        assert (0, "") == (done.returncode, done.stderr)

    head = git("rev-parse", "demo/hello", cwd=folder / "shop.git")
    said = output.read_text()
    assert f"\n{head}\n" in said
    assert 2 == said.count("\nconclusion<<")
    assert 2 == summary.read_text().count("### ")
    assert (folder / "runner/results.json").exists()
    assert str(folder / "runner/log.txt") in said
    assert [] == person.processes()
