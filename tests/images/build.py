"""Build what is asked for, each image at most once for the same sources."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .archive import write_archive
from .base import IMAGE, provide_base
from .buildah import Buildah
from .machine import ARGUMENTS, MOUNT, settings_folder
from .recipes import RECIPES, ROOT, Recipe
from .tools import ImagesUnavailableError, Tell, require_tools


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that keeps store and archives between runs."""
    root = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "kelos" / "images"


@dataclass(slots=True, kw_only=True)
class Builder:
    """Builds into one cache folder. `keys` remembers what was looked at in this run."""

    folder: Path
    tell: Tell
    buildah: Buildah
    keys: dict[str, str] = field(default_factory=dict)

    def provide(self, recipe: Recipe) -> Path:
        """The archive of the image, built when its sources changed."""
        archive = self.folder / "archives" / f"{recipe.name}-{self.key(recipe)}.tar"
        if archive.exists():
            return archive
        base = self._base(recipe)
        archive.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        log = self.folder / f"{recipe.name}.log"
        self.tell(f"Building {recipe.image}; what its steps say goes to {log}.")
        with settings_folder() as settings:
            self.buildah.build(
                recipe.image,
                ROOT / recipe.dockerfile,
                ROOT,
                arguments={"BASE": base, "INSTALL_BASE": IMAGE, **ARGUMENTS},
                mounts={settings: MOUNT},
                log=log,
            )
        self._save(recipe, archive)
        self.tell(f"Built {recipe.image} in {time.monotonic() - started:.0f} s.")
        return archive

    def key(self, recipe: Recipe) -> str:
        if recipe.name not in self.keys:
            self.keys[recipe.name] = recipe.key(self.key(RECIPES[recipe.base]) if recipe.base else IMAGE)
        return self.keys[recipe.name]

    def _base(self, recipe: Recipe) -> str:
        if recipe.base is None:
            return provide_base(self.buildah, self.folder, self.tell)
        below = RECIPES[recipe.base]
        self.provide(below)
        return below.image

    def _save(self, recipe: Recipe, archive: Path) -> None:
        for old in archive.parent.glob(f"{recipe.name}-????????????????.tar"):
            old.unlink()
        layout = self.folder / "layout"
        self.buildah.save(recipe.image, layout)
        write_archive(layout, recipe.image, archive)
        shutil.rmtree(layout)


def build(wanted: Sequence[str], into: Path, tell: Tell, folder: Path | None = None) -> list[Path]:
    """Put one archive per image into `into`, as NAME.tar, and return them."""
    folder = folder or cache_folder()
    into.mkdir(parents=True, exist_ok=True)
    with locked(folder, tell):
        builder = Builder(folder=folder, tell=tell, buildah=Buildah(folder=folder, tools=require_tools(tell)))
        return [_place(builder.provide(find(name)), into / f"{name}.tar") for name in wanted]


def find(name: str) -> Recipe:
    if name not in RECIPES:
        raise ImagesUnavailableError(f"There is no image '{name}'; use one of {', '.join(RECIPES)}")
    return RECIPES[name]


def _place(archive: Path, target: Path) -> Path:
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(archive)
    except OSError:  # another file system
        shutil.copyfile(archive, target)
    return target


@contextmanager
def locked(folder: Path, tell: Tell) -> Iterator[None]:
    """One run at a time: a second one waits and then finds everything built."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"Another run is building in {folder}; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
