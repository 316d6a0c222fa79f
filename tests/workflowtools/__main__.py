"""`PYTHONPATH=tests python -m workflowtools NAME ARGUMENTS`: become that program, built first when it is missing."""

import os
import sys
from typing import NoReturn

from realcluster.binaries import AssetsUnavailableError

from .tools import require_tool


def main(name: str, arguments: list[str]) -> NoReturn:
    """Ends with 1 when the program cannot be had."""
    try:
        program = require_tool(name, lambda text: print(text, file=sys.stderr, flush=True))
    except AssetsUnavailableError as error:
        print(f"There is no {name}: {error}", file=sys.stderr)
        sys.exit(1)
    os.execv(program, [name, *arguments])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
