"""Mode local: a cluster for this one step, run by a child process that ends with us."""

from __future__ import annotations

import ctypes
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from kelos.action.api.client import Api
from kelos.action.documents import Document
from kelos.action.log.text import clean_message
from kelos.api.checks import excerpt
from kelos.api.kinds import (
    AGENT_CONFIG,
    CONFIG_MAP,
    GROUP,
    NOT_OURS_YET,
    SECRET,
    TASK,
    WORKSPACE,
    Kind,
    Manifest,
)
from kelos.errors import UserError

PR_SET_DUMPABLE = 4
READY_SECONDS = 60.0
GOODBYE_SECONDS = 15.0
NEEDED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TMPDIR", "TZ")
ALLOWED = (WORKSPACE, AGENT_CONFIG, SECRET, CONFIG_MAP)


class LocalPlane:
    """`kelos up` as a child. Its standard input is its life line: when we end, however that happens, it ends."""

    def __init__(self, python: str, env: Mapping[str, str], log_file: Path) -> None:
        # Isolated: the working directory is a checkout, and nothing in it may become a module of ours.
        self._command = [python, "-I", "-m", "kelos", "up", "--ephemeral"]
        self._env = plane_env(env)
        self._log_file = log_file  # its log holds outside text, which the runner would take for commands
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Document:
        """The kubeconfig, once the plane is ready."""
        with self._log_file.open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    self._command,
                    env=self._env,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,  # a SIGINT for us is ours to translate
                )
            except OSError as error:
                raise UserError(
                    f"The local plane cannot be started with {self._command[0]}: {error.strerror}"
                ) from error
        assert self._process.stdout is not None
        try:
            kubeconfig = json.loads(_first_line(self._process.stdout, READY_SECONDS))["kubeconfig"]
        except (ValueError, TypeError, KeyError):
            kubeconfig = None
        if not isinstance(kubeconfig, dict):
            self.close()
            raise UserError(f"The local plane did not start: {self._last_words()}")
        hide_from_neighbours()
        return kubeconfig

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cut the life line and give the plane a moment to take its processes along."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(GOODBYE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _last_words(self) -> str:
        lines = self._log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return clean_message(lines[-1]) if lines else "`kelos up --ephemeral` on this machine shows why"


def plane_env(env: Mapping[str, str]) -> dict[str, str]:
    """What the plane needs to run and no more: agents below it, of the same user, can read its environment."""
    return {name: value for name, value in env.items() if name in NEEDED}


def hide_from_neighbours() -> None:
    """Close our memory and environment, the job's tokens among them, to other processes of the same user: the agent."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def split_documents(
    documents: tuple[Document, ...], *, is_local: bool
) -> tuple[tuple[Manifest, ...], tuple[Manifest, ...]]:
    """The Tasks, and what must exist before them; the latter only in mode local, for a cluster is not ours to fill."""
    tasks = tuple(document for document in documents if document.get("kind") == TASK.kind)
    others = tuple(document for document in documents if document.get("kind") != TASK.kind)
    for other in others:
        if other.get("kind") in NOT_OURS_YET and str(other.get("apiVersion")).startswith(f"{GROUP}/"):
            raise UserError(
                f"The task-file holds a {other['kind']}, which this version of Kelos does not support: take it out"
            )
    if others and not is_local:
        found = excerpt(str(others[0].get("kind")))
        raise UserError(
            f"The task-file holds a {found}: in mode cluster it may only hold Tasks, so apply the rest beforehand"
        )
    for other in others:
        kind_of(other)
    if documents and not tasks and not is_local:
        raise UserError("The task-file holds no Task: its `kind` must be Task")
    return tasks, others


def kind_of(manifest: Manifest) -> Kind:
    """The kind of a document that may stand beside the Task."""
    for kind in ALLOWED:
        if manifest.get("kind") == kind.kind:
            return kind
    words = ", ".join(kind.kind for kind in ALLOWED)
    raise UserError(f"The task-file holds a {excerpt(str(manifest.get('kind')))}: beside the Task it may hold {words}")


def create_others(api: Api, namespace: str, others: tuple[Manifest, ...]) -> None:
    """What the Task needs, before the Task."""
    for manifest in others:
        metadata = {**(manifest.get("metadata") or {}), "namespace": namespace}
        api.create(kind_of(manifest), namespace, {**manifest, "metadata": metadata})


def _first_line(stream: IO[bytes], seconds: float) -> bytes:
    """Its first line, or nothing when it takes too long or ends without one. What follows is read and dropped."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        with stream:
            lines.put(stream.readline())
            while stream.read(65536):
                pass

    threading.Thread(target=read, daemon=True).start()
    try:
        return lines.get(timeout=seconds)
    except queue.Empty:
        return b""
