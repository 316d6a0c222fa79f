"""`$(VAR)` as Kubernetes expands it."""

import pytest

from kelos.local.jobs.pod.expansion import expand

VARIABLES = {"A": "one", "B": "two$(A)", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$(A)", "one"),
        ("x$(A)y$(A)z", "xoneyonez"),
        ("$(B)", "two$(A)"),
        ("$(EMPTY)", ""),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$one"),
        ("$$$$(A)", "$$(A)"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("$()", "$()"),
        ("$(A$(B))", "$(A$(B))"),
        ("100$$", "100$"),
    ],
)
def test_references(text: str, expected: str) -> None:
    """Escapes and unknown names survive, or a prompt would lose text."""
    assert expected == expand(text, VARIABLES)
