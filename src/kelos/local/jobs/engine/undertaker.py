"""A small program that outlives the plane: when its standard input ends, the plane's containers are removed.

Standard library only, run by path: `undertaker.py REMOVE… -- LIST…`. LIST prints ids, REMOVE gets them.
"""

from __future__ import annotations

import subprocess
import sys


def main(words: list[str]) -> None:
    split = words.index("--")
    remove, find = words[:split], words[split + 1 :]
    sys.stdin.buffer.read()
    found = subprocess.run(find, stdin=subprocess.DEVNULL, capture_output=True, check=False).stdout.decode().split()
    if found:
        subprocess.run([*remove, *found], stdin=subprocess.DEVNULL, capture_output=True, check=False)


if __name__ == "__main__":
    main(sys.argv[1:])
