"""A container's last words."""

import pytest

from kelos.local.jobs.pod.termination import falls_back_to_log, message_of, message_of_log, reason_of, within_share


def test_the_end_of_a_long_file_counts() -> None:
    """4096 bytes; a broken character at the cut is replaced, not fatal."""
    assert "b" * 4096 == message_of(b"a" * 10 + b"b" * 4096)
    assert message_of("é".encode() * 4096 + b"x").endswith("éx")


@pytest.mark.parametrize(("containers", "kept"), [(1, 4096), (3, 4096), (4, 3072), (18, 682)])
def test_the_containers_of_a_pod_share_its_room(containers: int, kept: int) -> None:
    """Evenly, and from the beginning: a document that is longer than its share arrives broken."""
    assert "a" * kept == within_share("a" * 4096, containers)


def test_a_log_gives_its_last_lines() -> None:
    """At most eighty, at most 2048 bytes."""
    lines = b"".join(b"%d\n" % number for number in range(200))

    assert "120\n" == message_of_log(lines).splitlines(keepends=True)[0]
    assert 2048 == len(message_of_log(b"x" * 5000))


@pytest.mark.parametrize(
    ("policy", "code", "content", "expected"),
    [
        ("FallbackToLogsOnError", 1, b"", True),
        ("FallbackToLogsOnError", 0, b"", False),
        ("FallbackToLogsOnError", 1, b"said", False),
        ("File", 1, b"", False),
    ],
)
def test_when_the_log_speaks(policy: str, code: int, content: bytes, expected: bool) -> None:
    """Only for a failure without a word, and only when asked for."""
    assert expected is falls_back_to_log(policy, code, content)


def test_reasons() -> None:
    """The two words that `kubectl get pods` shows."""
    assert ("Completed", "Error") == (reason_of(0), reason_of(1))
