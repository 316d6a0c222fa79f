"""The files of secret, configMap, downwardAPI and projected volumes, as values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from kelos.api.kinds import Manifest
from kelos.local.jobs.pod.references import Data, Sources, pod_field
from kelos.local.jobs.pod.states import ConfigError

DEFAULT_MODE = 0o644
FILE_SOURCES = ("secret", "configMap", "downwardAPI", "projected")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """`path` is relative to the volume and never leaves it."""

    path: str
    content: bytes
    mode: int


def has_files(volume: Manifest) -> bool:
    """Whether the volume's content comes from the API."""
    return any(source in volume for source in FILE_SOURCES)


def volume_files(volume: Manifest, pod: Manifest, sources: Sources) -> tuple[File, ...]:
    """All files of one volume; of two for one path the later wins. Raises ConfigError when a source is missing."""
    if "projected" in volume:
        mode = _mode(volume["projected"], DEFAULT_MODE)
        places = volume["projected"].get("sources") or ()
    else:
        mode, places = DEFAULT_MODE, [volume]
    files = [file for place in places for file in _files(place, pod, sources, mode)]
    return tuple({file.path: file for file in files}.values())


def _files(place: Manifest, pod: Manifest, sources: Sources, mode: int) -> Iterator[File]:
    if "secret" in place:
        secret = place["secret"]
        yield from _keys(secret, secret.get("secretName") or secret.get("name", ""), sources, mode, is_secret=True)
    elif "configMap" in place:
        config_map = place["configMap"]
        yield from _keys(config_map, config_map.get("name", ""), sources, mode, is_secret=False)
    elif "downwardAPI" in place:
        downward = place["downwardAPI"]
        for item in downward.get("items") or ():
            if "fieldRef" not in item:
                raise ConfigError(f"downward API file {item['path']} is not offered on this node")
            content = pod_field(pod, item["fieldRef"]["fieldPath"]).encode("utf-8", "surrogateescape")
            yield File(path=safe_path(item["path"]), content=content, mode=_mode(item, _mode(downward, mode), "mode"))
    else:
        raise ConfigError(f"a projected volume of type {', '.join(place) or 'nothing'} is not offered on this node")


def _keys(source: Manifest, name: str, sources: Sources, mode: int, *, is_secret: bool) -> Iterator[File]:
    optional = bool(source.get("optional"))
    try:
        data: Data = sources.secret(name) if is_secret else sources.config_map(name)
    except ConfigError:
        if optional:
            return
        raise
    default = _mode(source, mode)
    items = source.get("items") or [{"key": key, "path": key} for key in sorted(data)]
    for item in items:
        if item["key"] in data:
            path = safe_path(item["path"])
            yield File(path=path, content=data[item["key"]], mode=_mode(item, default, "mode"))
        elif not optional:
            raise ConfigError(f"references non-existent {'secret' if is_secret else 'config'} key: {item['key']}")


def safe_path(path: str) -> str:
    """The path when it stays below its folder. Raises ConfigError otherwise."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\x00" in path or parts[0].startswith(".."):
        raise ConfigError(f"path {path!r} must be relative and must not contain '..'")
    return str(PurePosixPath(*parts))


def _mode(source: Manifest, default: int, field: str = "defaultMode") -> int:
    mode = source.get(field)
    return default if mode is None else int(mode) & 0o777
