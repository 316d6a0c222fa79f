"""An OCI layout as one file that `ctr images import`, kind and podman load under the image's own name."""

import json
import struct
import tarfile
from dataclasses import dataclass
from pathlib import Path

NAME = "io.containerd.image.name"


def write_archive(layout: Path, image: str, target: Path) -> None:
    """Pack the folder, with the image's name where containerd looks for it."""
    index = layout / "index.json"
    document = json.loads(index.read_text())
    for manifest in document["manifests"]:
        manifest.setdefault("annotations", {})[NAME] = image
    index.write_text(json.dumps(document))
    part = target.with_suffix(".part")
    with tarfile.open(part, "w") as archive:
        for path in sorted(layout.rglob("*")):
            archive.add(path, path.relative_to(layout), recursive=False)
    part.replace(target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer: what a node pulls, and what that becomes on its disk."""

    digest: str
    pulled: int
    unpacked: int


def read_layers(archive: Path) -> list[Layer]:
    """The layers of the archive's one image."""
    with tarfile.open(archive) as opened:
        index = json.loads(_read(opened, "index.json"))
        manifest = json.loads(_read(opened, _blob(index["manifests"][0]["digest"])))
        return [_layer(entry["digest"], _read(opened, _blob(entry["digest"]))) for entry in manifest["layers"]]


def _layer(digest: str, data: bytes) -> Layer:
    # gzip ends with the size of what it holds.
    unpacked = struct.unpack("<I", data[-4:])[0] if data.startswith(b"\x1f\x8b") else len(data)
    return Layer(digest=digest, pulled=len(data), unpacked=unpacked)


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _read(opened: tarfile.TarFile, name: str) -> bytes:
    file = opened.extractfile(name)
    return file.read() if file is not None else b""
