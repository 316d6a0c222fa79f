"""`make test` runs several pytest processes at once: what they come to is one answer, and Ctrl-C ends them all."""

from __future__ import annotations

import signal
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import tomllib

from realcluster.waiting import wait_for
from side_by_side import CHECKOUT, SIDES

PASSES = "def test_passes(): pass\n"
FAILS = "def test_fails(): assert not 'the reason'\n"
WAITS = """
import pathlib, signal, threading
def test_waits(tmp_path_factory):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    here = pathlib.Path(__file__)
    try:
        here.with_suffix(".begun").touch()
        threading.Event().wait(300)
    finally:
        with here.with_suffix(".ends").open("a") as ends:
            ends.write("end ")
"""
PROGRAM = """
import sys
from side_by_side import Side, run
sys.exit(run([Side(name=name, folders=(path,)) for name, path in (each.split("=") for each in sys.argv[1:])]))
"""


def start(folder: Path, **sides: str) -> subprocess.Popen[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    paths = {name: folder / f"test_{name}.py" for name in sides}
    for name, path in paths.items():
        path.write_text(sides[name])
    command = [sys.executable, "-c", PROGRAM, *(f"{name}={path}" for name, path in paths.items())]
    environment = {"PYTHONPATH": str(CHECKOUT / "tests")}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )


def test_every_folder_of_tests_is_on_one_side():
    """A folder that nobody runs protects nothing."""
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())

    run = [*chain.from_iterable(side.folders for side in SIDES)]
    left_out = [*chain.from_iterable(side.without for side in SIDES)]

    assert sorted([*settings["tool"]["pytest"]["ini_options"]["testpaths"], *left_out]) == sorted(run)


def test_all_must_pass(tmp_path):
    """The answer of one that passes is not the answer."""
    process = start(tmp_path, first=PASSES, second=PASSES)

    said = process.communicate(timeout=120)[0]

    assert (0, "every test passed") == (process.returncode, said.splitlines()[-1])


def test_one_failure_is_everybody_s(tmp_path):
    """Its report stands in one piece, and the last line says where to look."""
    process = start(tmp_path, first=FAILS, second=PASSES)

    said = process.communicate(timeout=120)[0]

    assert (1, "failed: first") == (process.returncode, said.splitlines()[-1])
    assert any(line.startswith("E ") and "the reason" in line for line in said.splitlines())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_reaches_all_of_them(tmp_path, number):
    """Each may tidy up before it ends, and nothing is left running."""
    process = start(tmp_path, first=WAITS, second=WAITS)
    wait_for("both to run", lambda: len([*tmp_path.glob("*.begun")]) == 2, seconds=120)

    process.send_signal(number)
    said = process.communicate(timeout=120)[0]

    assert (1, "failed: first, second") == (process.returncode, said.splitlines()[-1])
    if number is signal.SIGINT:
        assert ["end ", "end "] == [path.read_text() for path in tmp_path.glob("*.ends")]
