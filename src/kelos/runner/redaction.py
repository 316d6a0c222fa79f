"""Values of secrets never leave the container in a message of ours."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping

from kelos.api.names import ENV_TOKEN_FILE

HIDDEN = "***"
SHORTEST = 6  # a shorter value would hide ordinary words
LONG = 16
LOOK_SECONDS = 60.0

_SECRET_NAME = re.compile(
    r"(?i)token|secret|passw|api_?key|access_?key|private_?key|credential|auth_json|^kelos_mcp_servers$"
)
_HARMLESS_NAME = re.compile(r"(?i)_(?:file|path|dir|url|name|type|id)$")


def known_secrets(env: Mapping[str, str]) -> frozenset[str]:
    """The values of variables whose names say that they are secret, and the git token in its file."""
    values = [value for name, value in env.items() if _SECRET_NAME.search(name) and not _HARMLESS_NAME.search(name)]
    if token := _token(env.get(ENV_TOKEN_FILE, "")):
        values.append(token)
    return frozenset(part for value in values for part in (value, *_inside(value)) if len(part.strip()) >= SHORTEST)


class Seen:
    """The secrets of a container's whole life: the token in its file is another one every hour."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._secrets: set[str] = set()
        self.look()
        if env.get(ENV_TOKEN_FILE):
            threading.Thread(target=self._keep_looking, name="tokens", daemon=True).start()

    def add(self, secrets: Iterable[str]) -> None:
        self._secrets.update(secrets)

    def secrets(self) -> frozenset[str]:
        """All of them up to now."""
        self.look()
        return frozenset(self._secrets)

    def look(self) -> None:
        """Remember the token that is in the file now."""
        self.add(known_secrets(self._env))

    def _keep_looking(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self.look()


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret, and every line of one, replaced."""
    parts = {part.strip() for secret in secrets for part in (secret, *secret.splitlines())}
    for part in sorted((part for part in parts if len(part) >= SHORTEST), key=len, reverse=True):
        text = text.replace(part, HIDDEN)
    return text


def _inside(value: str) -> Iterator[str]:
    """Long texts inside of a secret that is a JSON document: each of them is one by itself."""
    if not value.lstrip().startswith("{"):
        return
    try:
        waiting = [json.loads(value)]
    except (ValueError, RecursionError):
        return
    while waiting:
        found = waiting.pop()
        if isinstance(found, str) and len(found) >= LONG:
            yield found
        elif isinstance(found, (dict, list)):
            waiting += found.values() if isinstance(found, dict) else found


def _token(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read().strip()
    except (OSError, ValueError):
        return ""
