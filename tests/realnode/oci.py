"""Container images without a builder: one layer of given files, as an OCI archive that every runtime imports."""

import gzip
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MEDIA = "application/vnd.oci.image"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

# Where, with which mode, and what.
File = tuple[str, int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a container of the image starts with; the name is how pods ask for it."""

    name: str
    entrypoint: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    folder: str = "/"


def write_image(archive: Path, image: Image, files: Path | Iterable[File]) -> Path:
    """Write the archive: the same files give the same bytes. A folder keeps links and modes; root owns all."""
    layer = _layer_of_folder(files) if isinstance(files, Path) else _layer_of_files(files)
    compressed = gzip.compress(layer, 1, mtime=0)
    config = _json(_config(image, _digest(layer)))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{MEDIA}.manifest.v1+json",
            "config": _descriptor("config.v1+json", config),
            "layers": [_descriptor("layer.v1.tar+gzip", compressed)],
        }
    )
    names = {"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": image.name}
    entry = {**_descriptor("manifest.v1+json", manifest), "annotations": names}
    blobs = [(f"blobs/sha256/{_digest(blob)[7:]}", 0o644, blob) for blob in (config, compressed, manifest)]
    archive.write_bytes(
        _layer_of_files(
            [
                ("oci-layout", 0o644, _json({"imageLayoutVersion": "1.0.0"})),
                ("index.json", 0o644, _json({"schemaVersion": 2, "manifests": [entry]})),
                *blobs,
            ]
        )
    )
    return archive


def _config(image: Image, layer_digest: str) -> dict[str, Any]:
    machine = platform.machine()
    return {
        "architecture": ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {
            "Entrypoint": list(image.entrypoint),
            "Env": [f"{name}={value}" for name, value in image.environment.items()],
            "User": image.user,
            "WorkingDir": image.folder,
        },
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
    }


def _layer_of_files(files: Iterable[File]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, mode, data in files:
            member = tarfile.TarInfo(name.strip("/"))
            member.mode, member.size = mode, len(data)
            if name.endswith("/"):
                member.type = tarfile.DIRTYPE
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _layer_of_folder(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, str(path.relative_to(folder)), recursive=False, filter=_owned_by_root)
    return buffer.getvalue()


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    return member


def _descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": f"{MEDIA}.{kind}", "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
