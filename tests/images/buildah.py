"""buildah with a store of its own in the cache folder: nothing here depends on how the machine's engine is set up."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .tools import BuildTools, run

LIMITS = ("--ulimit", "nofile=10000:10000", "--ulimit", "nproc=10000:10000")  # a root without CAP_SYS_RESOURCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Buildah:
    """One store below `folder`."""

    folder: Path
    tools: BuildTools

    def _command(self, *words: str | Path) -> list[str | Path]:
        policy = self.folder / "policy.json"
        if not policy.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        store: list[str | Path] = [
            "--root",
            self.folder / "store",
            "--runroot",
            self.folder / "run",
            "--storage-driver",
            "overlay",
        ]
        return [self.tools.buildah, *store, *words]

    def _run(self, *words: str | Path, log: Path | None = None) -> str:
        return run(self._command(*words), env=self.tools.environment, log=log)

    @property
    def _policy(self) -> tuple[str, str]:
        return ("--signature-policy", str(self.folder / "policy.json"))

    @property
    def _networks(self) -> tuple[str, str]:
        """Without it buildah makes a folder below the machine's /etc."""
        return ("--cni-config-dir", str(self.folder / "networks"))

    def build(
        self,
        image: str,
        dockerfile: Path,
        context: Path,
        *,
        arguments: Mapping[str, str],
        mounts: Mapping[Path, str],
        log: Path,
    ) -> None:
        """Build `image`. Steps that were done before are taken from the store."""
        options: list[str] = ["--layers", "--isolation", "chroot", "--pull-never", "--format", "oci", *LIMITS]
        options += self._networks
        for name, value in arguments.items():
            options += ["--build-arg", f"{name}={value}"]
        for source, target in mounts.items():
            options += ["--volume", f"{source}:{target}:ro"]
        where = ["--file", str(dockerfile), "--tag", image, str(context)]
        self._run("build", *options, *self._policy, *where, log=log)

    def import_rootfs(self, image: str, folder: Path) -> None:
        """Make a one-layer image of a folder."""
        container = self._run("from", *self._policy, *self._networks, "scratch").strip()
        try:
            self._run("copy", container, folder, "/")
            self._run("config", "--cmd", "/bin/bash", container)
            self._run("commit", *self._policy, "--format", "oci", container, image)
        finally:
            self._run("rm", container)

    def has(self, image: str) -> bool:
        return bool(self._images(image))

    def _images(self, image: str) -> list[str]:
        listed = json.loads(self._run("images", "--json") or "null") or []
        return [entry["id"] for entry in listed if image in [_plain(name) for name in entry.get("names") or ()]]

    def save(self, image: str, folder: Path) -> None:
        """Write the image as an OCI layout."""
        shutil.rmtree(folder, ignore_errors=True)
        self._run("push", *self._policy, image, f"oci:{folder}:{image}")

    def try_in(self, image: str, *command: str, entrypoint: Sequence[str] = ()) -> str:
        """What `command` prints in a fresh container of the image, without network, with a process table of its own."""
        container = self._run("from", "--pull-never", *self._policy, *self._networks, *LIMITS, image).strip()
        options = ["--isolation", "oci", "--runtime", str(self.tools.runc), "--network", "none"]
        try:
            return self._run("run", *options, container, "--", *entrypoint, *command)
        finally:
            self._run("rm", container)


def _plain(name: str) -> str:
    return name.removeprefix("localhost/") if name.count("/") > 1 else name
