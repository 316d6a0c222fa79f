"""Files as they are, and manifests out of them."""

import io
import sys
from pathlib import Path

import pytest

from kelos.cli.documents import read_documents, read_text
from kelos.errors import UserError

LINES = "unix\nwindows\r\nold mac\rend"


def test_a_text_keeps_its_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A prompt reaches the agent byte for byte, from a file and from standard input."""
    file = tmp_path / "prompt.txt"
    file.write_bytes(LINES.encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES.encode())))

    assert (LINES, LINES) == (read_text(str(file)), read_text("-"))


def test_a_text_that_is_not_utf8_is_named(tmp_path: Path):
    """Guessing an encoding would change the words."""
    file = tmp_path / "prompt.txt"
    file.write_bytes(b"caf\xe9")

    with pytest.raises(UserError, match=r"prompt\.txt' cannot be read: it is not UTF-8"):
        read_text(str(file))


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("kelos.dev/v9", "Task 'crew' in '.*': nobody serves apiVersion kelos.dev/v9; write kelos.dev/v1alpha2 or"),
        ("", "Task 'crew' in '.*' has no apiVersion; write it"),
    ],
)
def test_a_version_that_nobody_serves_is_named_before_anything_is_sent(tmp_path: Path, version: str, sentence: str):
    """The server would only say that it could not find something."""
    file = tmp_path / "crew.yaml"
    file.write_text(f"apiVersion: {version}\nkind: Task\nmetadata: {{name: crew}}\n")

    with pytest.raises(UserError, match=sentence):
        read_documents(str(file))


@pytest.mark.parametrize("kind", ["WorkerPool", "Session", "TaskBudget"])
def test_a_kind_that_is_not_ours_is_refused_by_name(tmp_path: Path, kind: str):
    """A manifest that needs one is never obeyed by half."""
    file = tmp_path / "crew.yaml"
    file.write_text(f"apiVersion: kelos.dev/v1alpha2\nkind: {kind}\nmetadata: {{name: crew}}\n")

    with pytest.raises(UserError, match=f"{kind} 'crew' in '.*': this version of kelos does not support {kind}"):
        read_documents(str(file))


def test_a_kind_in_other_letters_is_corrected(tmp_path: Path):
    """To name kubectl instead would lead people astray."""
    file = tmp_path / "ticker.yaml"
    file.write_text("apiVersion: kelos.dev/v1alpha2\nkind: Taskspawner\nmetadata: {name: ticker}\n")

    with pytest.raises(UserError, match=r"Taskspawner 'ticker' in '.*': the kind is written TaskSpawner"):
        read_documents(str(file))
