"""What the pod runs: `PACK git SECRET` serves git, `PACK create NAME` adds a repository to it."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

ROOT = Path("/tmp/git")
PORT = 8080


def main(arguments: list[str]) -> int:
    """Do one of the three, for ever when it is a server."""
    verb, *words = arguments
    if verb == "git":
        _serve_git(*words)
    elif verb == "create":
        _create(*words)
    return 0


def _serve_git(password: str) -> None:
    from fakes.git_server import GitServer

    with GitServer(ROOT, password=password, address=("0.0.0.0", PORT), tell=_tell):
        threading.Event().wait()


def _create(name: str) -> None:
    from fakes.git_server import GitServer

    GitServer(ROOT).create(name)


def _tell(path: str, login: str) -> None:
    print(json.dumps({"path": path, "login": login}), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
