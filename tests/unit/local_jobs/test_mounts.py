"""Which words of a container are paths, and where they lead."""

import pytest

from kelos.local.jobs.pod.mounts import Mounts

MOUNTS = Mounts(
    places={
        "/workspace": "/pod/v/space",
        "/workspace/cache": "/claims/cache",
        "/kelos/inputs": "/pod/v/in",
        "/dev/termination-log": "/pod/t",
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/workspace", "/pod/v/space"),
        ("/workspace/", "/pod/v/space/"),
        ("/workspace/repo", "/pod/v/space/repo"),
        ("/workspace/cache/a", "/claims/cache/a"),
        ("/workspace/cached", "/pod/v/space/cached"),
        ("/workspaces", "/workspaces"),
        ("/dev/termination-log", "/pod/t"),
        ("/usr/bin:/workspace/bin", "/usr/bin:/pod/v/space/bin"),
        ("/workspace/a,/kelos/inputs/b", "/pod/v/space/a,/pod/v/in/b"),
        ("/workspace:ro", "/workspace:ro"),
        ("see /workspace/repo", "see /workspace/repo"),
        ("/workspace/repo is broken", "/workspace/repo is broken"),
        ("/workspace/repo\nfix it", "/workspace/repo\nfix it"),
        ("file:///workspace/repo", "file:///workspace/repo"),
        ("https://example.org/workspace", "https://example.org/workspace"),
        ("", ""),
    ],
)
def test_only_what_is_a_path_as_a_whole_is_rewritten(text: str, expected: str) -> None:
    """Text is data: a prompt, a message or a URL stays byte for byte."""
    assert (expected, expected) == (MOUNTS.argument(text), MOUNTS.variable(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--config=/kelos/inputs/mcp.json", "--config=/pod/v/in/mcp.json"),
        ("-C=/workspace", "-C=/pod/v/space"),
        ("--note=see /workspace", "--note=see /workspace"),
        ('["/workspace/repo"]', '["/workspace/repo"]'),
    ],
)
def test_the_value_of_a_flag_is_a_word_of_its_own(text: str, expected: str) -> None:
    """JSON in an argument stays: an argument may be the user's text."""
    assert expected == MOUNTS.argument(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('["sh","/workspace/setup"]', '["sh","/pod/v/space/setup"]'),
        ('[{"tokenFile": "/kelos/inputs/t", "n":1}]', '[{"tokenFile": "/pod/v/in/t", "n":1}]'),
        ('["cd /workspace && make"]', '["cd /workspace && make"]'),
    ],
)
def test_whole_strings_in_a_json_variable_are_paths_too(text: str, expected: str) -> None:
    """Lists of remotes and skills travel as JSON; everything but the paths stays as it was written."""
    assert expected == MOUNTS.variable(text)
