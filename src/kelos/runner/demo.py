"""The demo agent's program: carries out what `kelos.agents.demo` reads, and prints a stream of its own."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from kelos.agents.demo import Command, check_path, parse_program, parse_usage
from kelos.errors import UserError
from kelos.runner.files import write_inside
from kelos.runner.git import git, without_user_info

NOTHING_TO_DO = (
    "I am the demo agent and found no command of mine in the prompt. "
    "I understand: write, append, commit, push, sleep, say, usage, fail, exit."
)


class Exit(Exception):
    """The program asked to end at once, without a result."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def main(prompt: str) -> int:
    """Run the program; the exit code is 1 when a line failed."""
    _emit(
        {
            "type": "init",
            "model": "demo",
            "session": f"demo-{sha256(prompt.encode('utf-8', 'replace')).hexdigest()[:12]}",
        }
    )
    usage: dict[str, str] = {}
    try:
        _run_all(prompt, usage)
    except Exit as end:
        return end.code
    except UserError as error:
        _emit({"type": "result", "error": str(error), "usage": _numbers(usage)})
        return 1
    _emit({"type": "result", "usage": _numbers(usage)})
    return 0


def _run_all(prompt: str, usage: dict[str, str]) -> None:
    program = parse_program(prompt)
    if not program:
        _emit({"type": "message", "text": NOTHING_TO_DO})
    for command in program:
        try:
            _run(command, usage)
        except (UserError, OSError, ValueError) as error:
            raise UserError(f"Line {command.line} ({command.verb}): {error}") from error


def _run(command: Command, usage: dict[str, str]) -> None:
    if command.verb == "say":
        _emit({"type": "message", "text": command.text})
    elif command.verb == "usage":
        usage.update(parse_usage(command.text))
    elif command.verb == "sleep":
        time.sleep(float(command.text))
    elif command.verb == "fail":
        raise UserError(command.text)
    elif command.verb == "exit":
        raise Exit(int(command.text))
    else:
        _emit({"type": "tool", "name": command.verb, "input": command.path or command.text})
        _change(command)


def _change(command: Command) -> None:
    if command.verb == "commit":
        _git("add", "--all")
        _git("commit", "--quiet", "--file=-", text=command.text)
    elif command.verb == "push":
        branch = _git("branch", "--show-current")
        if not branch:
            raise UserError("no branch is checked out; set the Task's branch")
        _git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    else:
        path = Path(check_path(command.path))
        before = b""
        if command.verb == "append" and path.is_file():
            if not path.resolve().is_relative_to(Path.cwd()):
                raise UserError(f"'{command.path}' is a link that leads out of the checkout")
            before = path.read_bytes()
        write_inside(Path.cwd(), command.path, before + command.text.encode("utf-8", "surrogateescape") + b"\n")


def _git(*arguments: str, text: str = "") -> str:
    result = git(*arguments, seconds=300, text=text)
    if not result.is_good:
        raise UserError(f"git {arguments[0]}: {_why(result.err or result.out)}")
    return result.out.strip()


def _why(said: str) -> str:
    """The line that says why: of a refused push that is the one with the mark, and not the last."""
    lines = [line.strip() for line in without_user_info(said).splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("! ")), lines[-1] if lines else "it failed")


def _numbers(usage: Mapping[str, str]) -> dict[str, Any]:
    return {name: value if name == "cost" else int(value) for name, value in usage.items()}


def _emit(event: Mapping[str, Any]) -> None:
    print(json.dumps(event), flush=True)


def read_prompt() -> str:
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")


def run() -> int:
    """Read the prompt from stdin and do it in the working directory."""
    os.umask(0o022)
    return main(read_prompt())
