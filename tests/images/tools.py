"""Running other programs, and saying what is missing in one sentence."""

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Tell = Callable[[str], None]


class ImagesUnavailableError(Exception):
    """The images cannot be built on this machine; the text says why and what to try."""


def require(program: str) -> None:
    """Nothing when `program` is there, else the sentence that says how to get it."""
    if shutil.which(program) is None:
        raise ImagesUnavailableError(f"{program} is missing: apt-get install {program}")


def run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, log: Path | None = None) -> str:
    """Run a program to its end and return what it printed. All it said goes to `log`, the last of it into the error."""
    words = [str(word) for word in command]
    answer = subprocess.run(words, env=env, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if log is not None:
        log.write_text(f"{answer.stdout}\n{answer.stderr}")
    if answer.returncode != 0:
        last = "\n".join(f"{answer.stdout}\n{answer.stderr}".strip().splitlines()[-12:])
        raise ImagesUnavailableError(f"`{' '.join(words[:4])} …` failed with {answer.returncode}:\n{last}")
    return answer.stdout
