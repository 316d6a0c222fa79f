"""Where things are on disk: one private folder per pod, and claims that outlive pods."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kelos.api.kinds import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFolder:
    """`<root>/pods/<uid>/{volumes,containers,home,tmp}`, for the owner's eyes only."""

    path: Path
    is_shared: bool = False
    """Whether other users, those inside containers, work in its volumes; nobody else gets past the folder itself."""

    @property
    def home(self) -> Path:
        return self.path / "home"

    @property
    def temporary(self) -> Path:
        return self.path / "tmp"

    def create(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.home, self.temporary, self.path / "volumes", self.path / "containers"):
            folder.mkdir(mode=0o700, exist_ok=True)

    def volume(self, name: str) -> Path:
        return self.path / "volumes" / name

    def termination_file(self, container: str) -> Path:
        return self.path / "containers" / container / "termination-log"

    def fresh_termination_file(self, container: str) -> Path:
        """An empty file for the next run."""
        file = self.termination_file(container)
        remove_tree(file.parent)
        file.parent.mkdir(mode=0o700)
        file.touch(mode=0o600)
        return file

    def read_termination(self, container: str, limit_bytes: int) -> bytes:
        """The end of what the container left there; of a plain file only, no link is followed."""
        try:
            descriptor = os.open(self.termination_file(container), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return b""
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return b""
            return os.pread(descriptor, limit_bytes, max(0, status.st_size - limit_bytes))
        finally:
            os.close(descriptor)

    def remove(self) -> None:
        remove_tree(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFolder:
    """Everything the node keeps on disk, logs aside."""

    root: Path

    def create(self) -> None:
        """Pods of a former node are over; what they left goes."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_tree(self.root / "pods")
        for name in ("pods", "claims"):
            (self.root / name).mkdir(mode=0o700, exist_ok=True)

    def pod(self, pod: Manifest, *, is_shared: bool = False) -> PodFolder:
        return PodFolder(path=self.root / "pods" / pod["metadata"]["uid"], is_shared=is_shared)

    def claim(self, claim: Manifest) -> Path:
        """By uid: a claim that is made anew starts empty."""
        metadata = claim["metadata"]
        return self.root / "claims" / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"

    def remove_claim(self, claim: Manifest) -> None:
        remove_tree(self.claim(claim))


def remove_tree(path: Path) -> None:
    """Remove a folder with all it holds, folders that were made read-only included."""
    with suppress(OSError):
        shutil.rmtree(path)
        return
    for folder, _, _ in os.walk(path):
        with suppress(OSError):
            os.chmod(folder, 0o700)
    shutil.rmtree(path, ignore_errors=True)
