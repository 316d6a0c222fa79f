"""Files that come from the API."""

import pytest

from kelos.api.kinds import Manifest
from kelos.local.jobs.pod.files import File, safe_path, volume_files
from kelos.local.jobs.pod.references import Sources
from kelos.local.jobs.pod.states import ConfigError

POD: Manifest = {
    "metadata": {
        "name": "p",
        "namespace": "team",
        "uid": "u",
        "labels": {"b": "2", "a": '1"x'},
        "annotations": {"prompt": "do it"},
    },
    "spec": {},
}
SOURCES = Sources(namespace="team", secrets={"s": {"a": b"1", "b": b"2"}}, config_maps={"c": {"x": b"9"}})


def files(volume: Manifest) -> dict[str, tuple[bytes, int]]:
    return {file.path: (file.content, file.mode) for file in volume_files(volume, POD, SOURCES)}


def test_every_key_is_a_file() -> None:
    """With the default mode."""
    assert {"a": (b"1", 0o644), "b": (b"2", 0o644)} == files({"secret": {"secretName": "s"}})


def test_items_choose_path_and_mode() -> None:
    """And leave out the rest."""
    secret = {"secretName": "s", "defaultMode": 0o400, "items": [{"key": "a", "path": "deep/er/a"}]}

    assert {"deep/er/a": (b"1", 0o400)} == files({"secret": secret})


def test_the_pods_own_fields_are_files() -> None:
    """The prompt travels as an annotation; labels are written one per line, quoted."""
    items = [
        {"path": "prompt", "fieldRef": {"fieldPath": "metadata.annotations['prompt']"}},
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
    ]

    found = files({"downwardAPI": {"items": items, "defaultMode": 0o444}})

    assert {"prompt": (b"do it", 0o444), "labels": (b'a="1\\"x"\nb="2"', 0o444)} == found


def test_a_projected_volume_is_the_sum_of_its_sources() -> None:
    """Of two files for one path the later wins."""
    sources = [{"secret": {"name": "s"}}, {"configMap": {"name": "c", "items": [{"key": "x", "path": "a"}]}}]

    assert {"a": (b"9", 0o440), "b": (b"2", 0o440)} == files({"projected": {"sources": sources, "defaultMode": 0o440}})


@pytest.mark.parametrize(
    "volume",
    [{"secret": {"secretName": "no"}}, {"secret": {"secretName": "s", "items": [{"key": "no", "path": "x"}]}}],
)
def test_what_is_missing_holds_the_pod_back(volume: Manifest) -> None:
    """Unless it is optional."""
    with pytest.raises(ConfigError):
        files(volume)

    assert {} == files({"secret": {**volume["secret"], "optional": True}})


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../b", "..data/x", "", "a\0b"])
def test_no_path_leaves_its_volume(path: str) -> None:
    """Nor touches what keeps the volume's files together."""
    with pytest.raises(ConfigError, match="must be relative"):
        safe_path(path)


def test_a_file_is_a_value() -> None:
    """Two equal files are one."""
    assert File(path="a", content=b"", mode=0) == File(path="a", content=b"", mode=0)
