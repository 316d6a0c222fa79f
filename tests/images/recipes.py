"""Which images there are, what each is made from, and the key that changes when any of that does."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from kelos.runner.pack import FILES, FOLDERS

ROOT = Path(__file__).parent.parent.parent
REGISTRY = "kelos.test"  # no such host: these images are loaded, never pulled
TAG = "dev"
AGENT_FILES = ("controller/agents/node.sh", "controller/agents/node.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One image. `base` is the name of another recipe, None the Debian base; `context` what its Dockerfile copies."""

    name: str
    dockerfile: str
    base: str | None = None
    context: tuple[str, ...] = ()

    @property
    def image(self) -> str:
        return f"{REGISTRY}/{self.name}:{TAG}"

    def key(self, base_key: str) -> str:
        """Equal for equal Dockerfile, copied files and base."""
        digest = sha256(f"{base_key}\0{self.image}".encode())
        for path in _files(self.dockerfile, *self.context):
            digest.update(f"\0{path.relative_to(ROOT)}\0{os.access(path, os.X_OK)}\0".encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]


def _files(*names: str) -> Iterator[Path]:
    for name in names:
        path = ROOT / name
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in found if file.is_file() and "__pycache__" not in file.parts)


def _agent(name: str, *context: str) -> Recipe:
    return Recipe(name=name, dockerfile=f"controller/agents/{name}/Dockerfile", base="kelos-runner", context=context)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="kelos",
            dockerfile="controller/Dockerfile",
            context=("src", "requirements", "pyproject.toml", "README.md", "LICENSE"),
        ),
        Recipe(
            name="kelos-runner",
            dockerfile="controller/runner/Dockerfile",
            context=(*(f"src/kelos/{name}" for name in (*FILES, *FOLDERS)), "controller/agents/entrypoint.sh"),
        ),
        _agent("demo"),
        _agent("claude-code", *AGENT_FILES),
        _agent("codex", *AGENT_FILES),
        _agent("gemini", *AGENT_FILES),
        _agent("opencode", *AGENT_FILES),
        _agent("cursor", "controller/agents/cursor/stand-in"),
    )
}
