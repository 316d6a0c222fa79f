"""The image archives that tests make: what runtimes rely on, without a runtime."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from realnode.oci import Image, write_image

IMAGE = Image(name="kelos.test/tool:1", entrypoint=("/tool",), environment={"PATH": "/"}, user="1000")


def contents(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}


def blob(files: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    """The described blob, after what a runtime checks."""
    data = files[f"blobs/{descriptor['digest'].replace(':', '/')}"]
    assert (descriptor["size"], descriptor["digest"]) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
    return data


def test_an_archive_describes_its_image(tmp_path: Path) -> None:
    """Every digest is right, down to the one of the unpacked layer."""
    files = contents(write_image(tmp_path / "image.tar", IMAGE, [("tool", 0o755, b"program"), ("tmp/", 0o1777, b"")]))

    (entry,) = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(blob(files, entry))
    config = json.loads(blob(files, manifest["config"]))
    layer = gzip.decompress(blob(files, manifest["layers"][0]))

    assert "kelos.test/tool:1" == entry["annotations"]["io.containerd.image.name"]
    assert (["/tool"], ["PATH=/"], "1000") == tuple(config["config"][name] for name in ("Entrypoint", "Env", "User"))
    assert [f"sha256:{hashlib.sha256(layer).hexdigest()}"] == config["rootfs"]["diff_ids"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        assert [("tool", 0o755), ("tmp", 0o1777)] == [(member.name, member.mode) for member in tar]


def test_a_folder_keeps_its_links(tmp_path: Path) -> None:
    """One program under many names stays one file."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "tool").write_bytes(b"program")
    (root / "alias").symlink_to("tool")

    files = contents(write_image(tmp_path / "image.tar", IMAGE, root))

    manifest = json.loads(blob(files, json.loads(files["index.json"])["manifests"][0]))
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob(files, manifest["layers"][0])))) as tar:
        assert "tool" == tar.getmember("alias").linkname


def test_the_same_files_give_the_same_archive(tmp_path: Path) -> None:
    """An image that did not change is not loaded as another one."""
    one, two = (write_image(tmp_path / name, IMAGE, [("tool", 0o755, b"program")]) for name in ("one", "two"))

    assert one.read_bytes() == two.read_bytes()
