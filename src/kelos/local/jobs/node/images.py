"""Images are commands here: a table says what stands for an image's programs on this host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

ImageCommands = Callable[[str, tuple[str, ...], tuple[str, ...]], tuple[str, ...] | None]
"""(image, command, args) → the whole command line on this host; None when the image is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCommand:
    """`entrypoint` runs when the container names no command; `programs` replace the first word of one that it names."""

    entrypoint: tuple[str, ...] = ()
    programs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def argv(self, command: tuple[str, ...], args: tuple[str, ...]) -> tuple[str, ...]:
        if not command:
            return (*self.entrypoint, *args)
        return (*self.programs.get(command[0], command[:1]), *command[1:], *args)


def image_table(images: Mapping[str, ImageCommand]) -> ImageCommands:
    """Looks an image up by its full reference, then by its repository without tag and digest."""

    def find(image: str, command: tuple[str, ...], args: tuple[str, ...]) -> tuple[str, ...] | None:
        known = images.get(image) or images.get(repository(image))
        return known.argv(command, args) if known is not None else None

    return find


def repository(image: str) -> str:
    """The reference without tag and digest; a port of the registry stays."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(":")[0]
