"""How much a program may have written when it ends."""

import os
import subprocess
import sys

from kelos.runner.execution.processes import start

# Writes once, without waiting, and is gone: what Node programs do that end by `process.exit()`.
HASTY = "import os; os.set_blocking(1, False); os.write(1, b'x' * 512 * 1024)"


def test_a_program_that_ends_in_haste_loses_nothing():
    """The usual 64 KiB would cut the stream before its closing event."""
    argv = (sys.executable, "-c", HASTY)
    process = start(
        argv, cwd="/", env=os.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )

    # Nobody reads until it is gone: the slowest reader there is.
    assert 0 == process.wait(timeout=120)
    out, err = process.communicate()

    assert (512 * 1024, b"") == (len(out), err)
