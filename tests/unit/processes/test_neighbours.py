"""Agents of the local plane run as its own user: they must not read its memory."""

from __future__ import annotations

import subprocess
import sys


def test_the_plane_closes_its_memory_to_its_agents():
    """Its memory holds the API token and every Secret."""
    code = (
        "import ctypes\nfrom kelos.processes.plane import hide_from_neighbours\n"
        "hide_from_neighbours()\nprint(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "0" == done.stdout.strip()
