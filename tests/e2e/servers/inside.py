"""What the pod runs, each verb after the name of the pack:

git SECRET [ELSEWHERE]  serves git, or sends everybody elsewhere
github MODULUS EXPONENT NAME...  serves git as a GitHub whose App has that key and those repositories
revoke TOKEN            ends one of its tokens
create NAME             adds a repository to it
provider                plays every cell of the agents' table, each on a port of its own
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import urllib.request
from dataclasses import asdict
from pathlib import Path

ROOT = Path("/tmp/git")
PORT = 8080
APP_ID, INSTALLATION_ID = "12345", "678"


def main(arguments: list[str]) -> int:
    """Do one of the verbs, for ever when it is a server."""
    verb, *words = arguments
    if verb == "git":
        _serve_git(*words)
    elif verb == "github":
        _serve_github(*words)
    elif verb == "revoke":
        _revoke(*words)
    elif verb == "create":
        _create(*words)
    elif verb == "provider":
        _play_all()
    return 0


def _serve_git(password: str, moved_to: str = "") -> None:
    from fakes.git_server import GitServer

    with GitServer(ROOT, password=password, moved_to=moved_to, address=("0.0.0.0", PORT), tell=_tell):
        threading.Event().wait()


def _serve_github(modulus: str, exponent: str, *repositories: str) -> None:
    from fakes.git_server import GitServer
    from fakes.github_app import App, GitHub

    app = App(APP_ID, INSTALLATION_ID, int(modulus), int(exponent), repositories)
    with GitServer(ROOT, github=GitHub(app), address=("0.0.0.0", PORT), tell=_tell):
        threading.Event().wait()


def _revoke(token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    address = f"http://127.0.0.1:{PORT}/api/v3/installation/token"
    with urllib.request.urlopen(urllib.request.Request(address, method="DELETE", headers=headers)) as answer:
        print(answer.status)


def _create(name: str) -> None:
    from fakes.git_server import GitServer

    GitServer(ROOT).create(name)


def _play_all() -> None:
    from e2e.agent_cells import CELLS, KEY
    from providers.server import Asked, Provider

    with contextlib.ExitStack() as stack:
        for cell in CELLS:

            def tell(asked: Asked, name: str = cell.name) -> None:
                print(json.dumps({"cell": name, **asdict(asked)}), flush=True)

            stack.enter_context(Provider(cell.scenario, key=KEY, address=("0.0.0.0", cell.port), tell=tell))
        threading.Event().wait()


def _tell(path: str, login: str) -> None:
    print(json.dumps({"path": path, "login": login}), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
