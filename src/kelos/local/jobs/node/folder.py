"""Where things are on disk: one private folder per pod, and claims that outlive pods."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from kelos.api.kinds import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFolder:
    """`<root>/pods/<uid>/{volumes,containers,home,tmp}`, for the owner's eyes only."""

    path: Path

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
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        return file

    def read_termination(self, container: str, limit_bytes: int) -> bytes:
        """The end of what the container left there. A link that points elsewhere is not followed."""
        file = self.termination_file(container)
        if file.is_symlink() or not file.is_file():
            return b""
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - limit_bytes))
            return stream.read(limit_bytes)

    def remove(self) -> None:
        shutil.rmtree(self.path, onerror=_unlock_and_retry)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFolder:
    """Everything the node keeps on disk, logs aside."""

    root: Path

    def create(self) -> None:
        """Pods of a former node are over; what they left goes."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(self.root / "pods", onerror=_unlock_and_retry)
        for name in ("pods", "claims"):
            (self.root / name).mkdir(mode=0o700, exist_ok=True)

    def pod(self, pod: Manifest) -> PodFolder:
        return PodFolder(path=self.root / "pods" / pod["metadata"]["uid"])

    def claim(self, claim: Manifest) -> Path:
        """By uid: a claim that is made anew starts empty."""
        metadata = claim["metadata"]
        return self.root / "claims" / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"

    def remove_claim(self, claim: Manifest) -> None:
        shutil.rmtree(self.claim(claim), onerror=_unlock_and_retry)


def _unlock_and_retry(function: object, path: str, _: object) -> None:
    """Folders that were made read-only still go; what is gone already is fine."""
    failed = Path(path)
    try:
        failed.parent.chmod(0o700)
        if failed.is_dir() and not failed.is_symlink():
            failed.chmod(0o700)
            shutil.rmtree(failed, ignore_errors=True)
        else:
            failed.unlink(missing_ok=True)
    except OSError:
        return
