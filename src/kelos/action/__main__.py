"""Started as a file by `action.yml`, isolated from the job's Python settings: it says itself where the package is."""

import os
import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    if extra := os.environ.get("KELOS_YAML"):
        sys.path.append(extra)
    if hasattr(signal, "pthread_sigmask"):
        # Modules take their time on a busy machine: a cancel waits until somebody can write the outputs.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    from kelos.action.main import main

    sys.exit(main())
