"""`python -m kelos.runner <verb>`: prepare, launch, demo."""

from __future__ import annotations

import os
import sys

from kelos.api.reasons import Reason, exit_code_of

USAGE = """usage: kelos.runner <verb>

  prepare          clone the repository and put files, plugins and skills in place
  launch [PROMPT]  run the agent and report its outcome
  demo             the demo agent; the prompt comes on stdin

Everything else comes from the environment; see kelos.api.names."""


def main(arguments: list[str]) -> int:
    """Run one verb and return the exit code."""
    verb = arguments[0] if arguments else ""
    if verb == "prepare":
        from kelos.runner.preparation.prepare import prepare

        return prepare(os.environ)
    if verb == "launch":
        from kelos.runner.execution.launch import launch

        return launch(os.environ, arguments[1:])
    if verb == "demo":
        from kelos.runner.demo import run

        return run()
    if verb in ("-h", "--help"):
        print(USAGE)
        return 0
    print(f"kelos.runner: unknown verb '{verb[:40]}'; use prepare, launch or demo", file=sys.stderr)
    return exit_code_of(Reason.INVALID_SPEC)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
