"""How to start a program of this package as a child process."""

from __future__ import annotations

import sys
from os.path import abspath, dirname

import kelos

_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from kelos.runner.__main__ import main; sys.exit(main(sys.argv[1:]))"
)


def runner_command() -> tuple[str, ...]:
    """The command to which a verb is added. Works from a folder and from a zip file.

    `python -m` would put the working directory, which is the checkout, in front of everything else.
    """
    return (sys.executable, "-I", "-c", _START, dirname(dirname(abspath(kelos.__file__))))
