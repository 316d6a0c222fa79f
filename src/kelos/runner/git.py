"""Running git: never asking, never trusting what it inherits, never for ever."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

ALLOWED_PROTOCOLS = "http:https:git:ssh"
NO_PROGRAMS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
# What git tidies up now and then is done when it ends: our container may be over right after.
IN_THE_FOREGROUND = ("-c", "gc.autoDetach=false", "-c", "maintenance.autoDetach=false")
TIMED_OUT = 124

_USER_INFO = re.compile(r"(?<=://)[^/\s]+@")  # up to the last @: a password may hold one


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What git said. `out` and `err` are text whatever bytes they were."""

    code: int
    out: str = ""
    err: str = ""

    @property
    def is_good(self) -> bool:
        return self.code == 0


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """The environment for git: English, no questions, no helpers of others, no odd transports."""
    kept = {name: value for name, value in base.items() if name != "GIT_DIR"}
    kept |= {
        "GIT_ASKPASS": "",  # set and empty: the checkout's own core.askPass would run otherwise
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": ALLOWED_PROTOCOLS,
        "GCM_INTERACTIVE": "never",
    }
    kept.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=30")
    return kept


def git(*arguments: str, cwd: str | None = None, seconds: float | None = None, text: str = "") -> Result:
    """Run git without its hooks. A run that takes longer than `seconds` is ended and told as a failure."""
    return run(("git", *NO_PROGRAMS, *IN_THE_FOREGROUND, *arguments), cwd=cwd, seconds=seconds, text=text)


def run(
    argv: tuple[str, ...],
    *,
    cwd: str | None,
    seconds: float | None,
    text: str = "",
    env: Mapping[str, str] | None = None,
) -> Result:
    """Run a program to its end and keep what it says; `env` is added to what it inherits."""
    try:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env={**environment(os.environ), **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return Result(code=127, err=f"{argv[0]}: {error.strerror}")
    with process:
        try:
            out, err = process.communicate(text.encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return Result(code=TIMED_OUT, err=f"{argv[0]} took longer than {seconds:g} seconds")
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Result(code=process.returncode, out=out.decode("utf-8", "replace"), err=err.decode("utf-8", "replace"))


def without_user_info(text: str) -> str:
    """URLs in the text without user names and passwords."""
    return _USER_INFO.sub("", text)
