"""How much a process may keep from sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from kelos.processes.memory import answer_bytes, source_bytes

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (str(1024 * MIB), 256),
        (str(512 * MIB), 128),
        (str(32 * MIB), 16),
        (str(64 * 1024 * MIB), 1024),
        ("max", 256),
        ("9223372036854771712", 256),
        (None, 256),
    ],
    ids=["the controller's", "a spawner's", "tiny", "huge", "none", "none, of an old kernel", "no cgroup"],
)
def test_a_quarter_of_the_containers_limit_is_for_sources(tmp_path: Path, said: str | None, expected: int):
    """The rest is for what is watched in the cluster, and for what comes and goes."""
    file = tmp_path / "memory.max"
    if said is not None:
        file.write_text(f"{said}\n")

    assert expected * MIB == source_bytes(None, (tmp_path / "not there", file))


def test_who_says_how_much_gets_it():
    assert 64 * MIB == source_bytes(64 * MIB)


def test_single_answers_get_their_part_of_it():
    assert (32 * MIB, 8 * MIB) == (answer_bytes(1024 * MIB), answer_bytes(64 * MIB))
