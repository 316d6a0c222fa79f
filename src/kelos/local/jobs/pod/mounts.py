"""Mount paths are folders of the host here: where a container says `/workspace/repo`, it must read the real folder.

Text is data, so only what is a path as a whole is rewritten: the whole value, every item of a list separated by
colons or commas, the value of `--flag=…`, and whole strings of a JSON document in an environment variable.
A prompt that mentions a mount path stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_PATH = re.compile(r"/[^\s\x00:,]*")
_FLAG = re.compile(r"(--?[A-Za-z][\w-]*=)(.*)", re.DOTALL)
_JSON_STRING = re.compile(r'"(/[^"\\\s]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounts:
    """Folders and files of the host by their path in the container."""

    places: Mapping[str, str]

    def path(self, path: str) -> str:
        """The host's path for a path at or below a mount, the deepest mount first; any other stays."""
        for mount in sorted(self.places, key=len, reverse=True):
            if path == mount or path.startswith(mount.rstrip("/") + "/"):
                return self.places[mount] + path[len(mount.rstrip("/")) :]
        return path

    def argument(self, text: str) -> str:
        """One word of a command line."""
        if flag := _FLAG.fullmatch(text):
            return flag[1] + self._value(flag[2])
        return self._value(text)

    def variable(self, text: str) -> str:
        """The value of one environment variable."""
        if text[:1] in ("[", "{"):
            return _JSON_STRING.sub(lambda match: f'"{self.path(match[1])}"', text)
        return self._value(text)

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {name: self.variable(value) for name, value in variables.items()}

    def arguments(self, words: Iterable[str]) -> tuple[str, ...]:
        return tuple(self.argument(word) for word in words)

    def _value(self, text: str) -> str:
        if not text.startswith("/"):
            return text
        for separator in (":", ","):
            items = text.split(separator)
            if all(_PATH.fullmatch(item) for item in items):
                return separator.join(self.path(item) for item in items)
        return text


def mount_point(path: str) -> str:
    """A mount path without a trailing slash."""
    return path.rstrip("/") or "/"
