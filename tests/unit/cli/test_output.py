"""Tables and durations as people know them from kubectl."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from kelos.cli.output import short_duration, table
from kelos.cli.streaming import LogView


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (330, "5m30s"),
        (600, "10m"),
        (10799, "179m"),
        (10800, "3h"),
        (12000, "3h20m"),
        (40 * 3600, "40h"),
        (75 * 3600, "3d3h"),
        (30 * 86400, "30d"),
        (800 * 86400, "2y70d"),
    ],
)
def test_durations_are_short(seconds, text):
    assert text == short_duration(timedelta(seconds=seconds))


def test_columns_are_aligned_and_unknown_is_a_dash():
    assert "NAME   PHASE\na      -\nlong   Failed\n" == table(("NAME", "PHASE"), [("a", ""), ("long", "Failed")])


def test_no_name_in_a_cluster_can_drive_a_terminal():
    assert "\x1b" not in table(("NAME",), [("\x1b[2Jx",)])


def test_help_loads_no_kubernetes_library():
    """`import kubernetes` costs more than everything else a short command does."""
    code = (
        "import sys\nfrom kelos.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'kubernetes', 'aiohttp', 'pydantic', 'starlette', 'celpy', 'httpx'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "" == result.stderr


class Screen:
    def __init__(self) -> None:
        self.stdout, self.stderr = "", ""

    def out(self, text: str) -> None:
        self.stdout += text

    def err(self, text: str) -> None:
        self.stderr += text


def test_a_log_is_shown_for_reading_without_its_machine_block():
    """Escape sequences in it do nothing; lines may arrive in any pieces."""
    screen = Screen()
    view = LogView("claude-code", screen)
    log = (
        b'{"type":"assistant","message":{"content":[{"type":"text","text":"Hello \\u001b[2J"}]}}\n'
        b"plain \x1b[31mline\n---KELOS_OUTPUTS_START---\nbranch: x\n---KELOS_OUTPUTS_END---\n"
    )
    for i in range(0, len(log), 7):
        view.feed(log[i : i + 7])
    view.finish()

    assert "Hello" in screen.stdout
    assert "plain" in screen.stdout
    assert "branch" not in screen.stdout + screen.stderr
    assert "\x1b" not in screen.stdout + screen.stderr


def test_what_the_runner_says_is_no_answer():
    """stdout can be piped on: a reason why no agent ran must not stand where its words are expected."""
    screen = Screen()
    view = LogView("claude-code", screen)
    view.feed(b"kelos: The agent did not run\nplain words\n")

    assert ("plain words\n", "kelos: The agent did not run\n") == (screen.stdout, screen.stderr)
