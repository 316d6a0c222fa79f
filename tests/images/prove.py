"""Run each image once, without network, and compare what it holds with what the pods expect."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Sequence

from kelos.api import names

from .build import cache_folder, find
from .buildah import Buildah
from .tools import ImagesUnavailableError, require_tools

TINI = "/usr/bin/tini"
PID_1 = "tr '\\0' ' ' </proc/1/cmdline; echo"
FACTS = f"id -u; echo $HOME; touch ~/can-be-written && echo ok; python3 --version; {PID_1}"
CLI = {
    "claude-code": "claude --version",
    "codex": "codex --version",
    "gemini": "gemini --version",
    "opencode": "opencode --version",
    "cursor": "cursor-agent --version",
}


def prove(wanted: Sequence[str], show: Callable[[str], None]) -> None:
    """Raise ImagesUnavailableError with the first image that is not as it should be."""
    buildah = Buildah(folder=cache_folder(), tools=require_tools(show))
    for name in wanted:
        said = _facts(buildah, name)
        show(f"{name}: {said.replace(chr(10), ' | ')}")
        _expect(name, said, str(names.AGENT_UID), "/home/kelos", "ok", r"Python 3\.\d+.*", f"{TINI} -s -- .*")
        if name == "kelos":
            continue
        _expect(name, said, r"git version .*", r"gh version .*", r"ripgrep .*")
        if name in ("demo", "cursor"):
            _say_hello(buildah, name, show)


def _facts(buildah: Buildah, name: str) -> str:
    more = ["kelos version" if name == "kelos" else "git --version; gh --version | head -1; rg --version | head -1"]
    more += [CLI[name]] if name in CLI else []
    script = "set -e; " + "; ".join([FACTS, *more])
    return buildah.try_in(find(name).image, "sh", "-c", script, entrypoint=(TINI, "-s", "--")).strip()


def _say_hello(buildah: Buildah, name: str, show: Callable[[str], None]) -> None:
    """The whole way: entrypoint, runner, agent, marker block; and tini above all of them."""
    first = json.dumps(["sh", "-c", PID_1])
    environment = ("env", f"{names.ENV_AGENT_TYPE}={name}", f"{names.ENV_SETUP_COMMAND}={first}")
    said = buildah.try_in(find(name).image, names.ENTRYPOINT, "say hello", entrypoint=environment)
    show(said.strip())
    response = f"response: {b64encode(b'hello').decode()}"
    _expect(name, said, f"{TINI} -s -- python3 /kelos/runner.pyz launch say hello")
    _expect(name, said, names.MARKER_START, response, names.MARKER_END)


def _expect(name: str, said: str, *lines: str) -> None:
    missing = [line for line in lines if not re.search(f"^{line}\\s*$", said, re.MULTILINE)]
    if missing:
        raise ImagesUnavailableError(f"{name} does not print {', '.join(missing)}; it printed:\n{said}")
