"""Values that a pod takes from elsewhere: keys of Secrets and ConfigMaps, and fields of the pod itself."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kelos.api.kinds import Manifest
from kelos.local.jobs.pod.states import ConfigError
from kelos.local.jobs.pod.status import ADDRESS

Data = Mapping[str, bytes]

_KEYED_FIELD = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Secrets and ConfigMaps of the pod's namespace, as far as the pod names them and they exist."""

    namespace: str
    secrets: Mapping[str, Data] = field(default_factory=dict)
    config_maps: Mapping[str, Data] = field(default_factory=dict)

    def secret(self, name: str) -> Data:
        if name not in self.secrets:
            raise ConfigError(f'secret "{name}" not found')
        return self.secrets[name]

    def config_map(self, name: str) -> Data:
        if name not in self.config_maps:
            raise ConfigError(f'configmap "{name}" not found')
        return self.config_maps[name]

    def secret_key(self, name: str, key: str) -> bytes:
        data = self.secret(name)
        if key not in data:
            raise ConfigError(f"couldn't find key {key} in Secret {self.namespace}/{name}")
        return data[key]

    def config_map_key(self, name: str, key: str) -> bytes:
        data = self.config_map(name)
        if key not in data:
            raise ConfigError(f"couldn't find key {key} in ConfigMap {self.namespace}/{name}")
        return data[key]


def decode_data(manifest: Manifest) -> dict[str, bytes]:
    """The content of a Secret or ConfigMap."""
    encoded = {**(manifest.get("binaryData") or {})}
    plain: dict[str, str] = {}
    if manifest.get("kind") == "Secret":
        encoded |= manifest.get("data") or {}
    else:
        plain = manifest.get("data") or {}
    return {**{key: text.encode() for key, text in plain.items()}, **{key: _decoded(v) for key, v in encoded.items()}}


def pod_field(pod: Manifest, path: str) -> str:
    """The value of a `fieldRef`. Raises ConfigError for a field that is not offered."""
    metadata = pod["metadata"]
    if match := _KEYED_FIELD.fullmatch(path):
        return str((metadata.get(match[1]) or {}).get(match[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        values = metadata.get(path.partition(".")[2]) or {}
        return "\n".join(f"{key}={_quoted(str(values[key]))}" for key in sorted(values))
    fields = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": pod["spec"].get("nodeName", ""),
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", ""),
        "status.podIP": ADDRESS,
        "status.podIPs": ADDRESS,
        "status.hostIP": ADDRESS,
        "status.hostIPs": ADDRESS,
    }
    if path not in fields:
        raise ConfigError(f"field path {path} is not offered on this node")
    return str(fields[path])


def named_sources(spec: Manifest) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the Secrets and of the ConfigMaps that a pod's containers and volumes mention."""
    secrets: set[str] = set()
    config_maps: set[str] = set()
    for field_name, source in _mentions(spec):
        names = secrets if field_name.startswith("secret") else config_maps
        names.add(str(source.get("secretName") or source.get("name") or ""))
    return frozenset(secrets - {""}), frozenset(config_maps - {""})


def _mentions(spec: Manifest) -> Iterator[tuple[str, Manifest]]:
    fields = ("secret", "secretRef", "secretKeyRef", "configMap", "configMapRef", "configMapKeyRef")
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        places = [
            *(container.get("envFrom") or ()),
            *(env.get("valueFrom") or {} for env in container.get("env") or ()),
        ]
        yield from ((name, place[name]) for place in places for name in fields if place.get(name))
    for volume in spec.get("volumes") or ():
        places = [volume, *((volume.get("projected") or {}).get("sources") or ())]
        yield from ((name, place[name]) for place in places for name in fields if place.get(name))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return '"' + escaped.replace("\t", "\\t") + '"'
