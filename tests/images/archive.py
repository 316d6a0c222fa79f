"""An OCI layout as one file that `ctr images import`, kind and podman load under the image's own name."""

import json
import tarfile
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


def layer_bytes(archive: Path) -> dict[str, int]:
    """Digest → size of every layer, unpacked as they are in our archives."""
    with tarfile.open(archive) as opened:

        def read(name: str) -> dict[str, list[dict[str, str]]]:
            file = opened.extractfile(name)
            found: dict[str, list[dict[str, str]]] = json.load(file) if file is not None else {}
            return found

        digest = read("index.json")["manifests"][0]["digest"]
        layers = read(f"blobs/{digest.replace(':', '/')}")["layers"]
    return {layer["digest"]: int(layer["size"]) for layer in layers}
