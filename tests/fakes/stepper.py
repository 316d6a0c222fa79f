"""One use of the Action inside this process, without the composite around it: quick enough for thousands of texts."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest import mock

from kelos.action.main import main

from .runner import Command, obeyed, parse_outputs

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FILES = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_STATE", "GITHUB_PATH")


class Stepped:
    """What the runner finds after a step."""

    def __init__(self, code: int, log: str, files: Mapping[str, str]) -> None:
        self.code = code
        self.log = log
        self.files = files

    @property
    def commands(self) -> list[Command]:
        return obeyed(self.log)

    @property
    def outputs(self) -> dict[str, str]:
        """On every system: a value must not mean something else where lines end otherwise."""
        text = self.files["GITHUB_OUTPUT"]
        found = parse_outputs(text)
        assert set(found) == set(parse_outputs(text, windows=True))
        return found

    @property
    def summary(self) -> str:
        return self.files["GITHUB_STEP_SUMMARY"]


def step(inputs: Mapping[str, str], env: Mapping[str, str], files: Mapping[str, bytes]) -> Stepped:
    """The main program with these inputs (by their names in action.yml), variables, and files in the workspace."""
    said = {f"KELOS_INPUT_{name.upper().replace('-', '_')}": value for name, value in inputs.items()}
    with tempfile.TemporaryDirectory(prefix="kelos-step-") as name:
        paths = {file: Path(name) / file for file in FILES}
        for path in paths.values():
            path.touch()
        for file, data in files.items():
            (Path(name) / file).write_bytes(data)
        surroundings = {
            "HOME": name,
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": name,
            "RUNNER_TEMP": name,
            "KELOS_STATE": f"{name}/state",
            **{file: str(path) for file, path in paths.items()},
        }
        screen = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)
        with (
            mock.patch.dict(os.environ, {**surroundings, **env, **said}, clear=True),
            contextlib.redirect_stdout(screen),
            _signals_kept(),
        ):
            code = main([])
        log = screen.buffer.getvalue().decode()  # type: ignore[attr-defined]
        return Stepped(code, log, {file: path.read_bytes().decode() for file, path in paths.items()})


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
