"""A git host on loopback: smart HTTP by git's own `http-backend`, with basic authentication when a password is set."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from fakes.github_app import GitHub

QUIET = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "someone",
    "GIT_AUTHOR_EMAIL": "someone@example.com",
    "GIT_COMMITTER_NAME": "someone",
    "GIT_COMMITTER_EMAIL": "someone@example.com",
}


def git(*arguments: str, cwd: Path) -> str:
    """Run git for a test and return what it says."""
    done = subprocess.run(
        ("git", "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", *arguments),
        cwd=cwd,
        env={**os.environ, **QUIET},
        capture_output=True,
        check=True,
        timeout=120,
    )
    return done.stdout.decode().strip()


class GitServer:
    """Serves every bare repository below `root`. `logins` are the user names and passwords that were sent.

    `tell` hears of every request: its path, and "none", "right" or "wrong" for what it says in `Authorization`.
    With `github` it is an enterprise GitHub: its API is below `/api/v3`, and its tokens open repositories.
    """

    def __init__(
        self,
        root: Path,
        *,
        password: str = "",
        user: str = "x-access-token",
        moved_to: str = "",
        address: tuple[str, int] = ("127.0.0.1", 0),
        tell: Callable[[str, str], None] = lambda path, login: None,
        github: GitHub | None = None,
    ) -> None:
        self.root = root
        self.password = password
        self.user = user
        self.moved_to = moved_to
        self.address = address
        self.tell = tell
        self.github = github
        self.logins: list[tuple[str, str]] = []
        root.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> GitServer:
        handler = type("Handler", (_Handler,), {"site": self})
        self._server = ThreadingHTTPServer(self.address, handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def url(self, name: str, user: str = "") -> str:
        return f"http://{user + '@' if user else ''}{self.host}/{name}.git"

    def bare(self, name: str) -> Path:
        return self.root / f"{name}.git"

    def create(self, name: str, *, commits: int = 2) -> Path:
        """A repository with some history on `main`; returns the bare folder."""
        bare = self.bare(name)
        bare.mkdir(parents=True)
        git("init", "--quiet", "--bare", ".", cwd=bare)
        git("config", "http.receivepack", "true", cwd=bare)
        git("config", "uploadpack.allowAnySHA1InWant", "true", cwd=bare)
        if commits:
            work = self.root / f"{name}-work"
            work.mkdir(parents=True)
            git("init", "--quiet", ".", cwd=work)
            for number in range(1, commits + 1):
                (work / "README.md").write_text(f"version {number}\n")
                git("add", "--all", cwd=work)
                git("commit", "--quiet", "-m", f"Version {number}", cwd=work)
            git("push", "--quiet", str(bare), "main", cwd=work)
        return bare


class _Handler(BaseHTTPRequestHandler):
    site: GitServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        return

    def _answer(self) -> None:
        body = self._body()
        if self.site.github is not None and self.path.startswith("/api/v3/"):
            self._answer_api(self.site.github, body)
            return
        if self.site.moved_to:
            self.send_response(302)
            self.send_header("Location", self.site.moved_to + self.path)
            self.end_headers()
            return
        is_right = self._is_allowed()
        has_said = "Authorization" in self.headers
        self.site.tell(self.path, ("right" if is_right else "wrong") if has_said else "none")
        if not is_right:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        # Not checked: when a fetch is refused it ends with 1 after it has said so in its answer.
        done = subprocess.run(("git", "http-backend"), input=body, env=self._environment(), capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _answer_api(self, github: GitHub, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = github.answer(self.command, self.path, headers, body)
        content = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline().strip() or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _is_allowed(self) -> bool:
        scheme, _, word = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            user, _, password = base64.b64decode(word).decode().partition(":")
            self.site.logins.append((user, password))
            if password == self.site.password and user == self.site.user:
                return True
            if self.site.github is not None:
                return user == self.site.user and self.site.github.is_open(password, _repository(self.path))
        return not self.site.password and self.site.github is None

    def _environment(self) -> dict[str, str]:
        parts = urlsplit(self.path)
        found = {
            "GIT_PROJECT_ROOT": str(self.site.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "REMOTE_USER": "someone",
            "REMOTE_ADDR": "127.0.0.1",
        }
        for header, name in (("Content-Encoding", "HTTP_CONTENT_ENCODING"), ("Git-Protocol", "HTTP_GIT_PROTOCOL")):
            if value := self.headers.get(header):
                found[name] = value
        return {**os.environ, **QUIET, **found}


def _repository(path: str) -> str:
    """`shop` of `/acme/shop.git/info/refs`."""
    return path.partition(".git")[0].rpartition("/")[2]
