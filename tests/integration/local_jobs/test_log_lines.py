"""The log format, there and back, for any bytes in any pieces."""

import io
import tempfile

from hypothesis import given
from hypothesis import strategies as st

from kelos.local.jobs.process.lines import Renderer, tail_start
from kelos.local.jobs.process.supervise import LINE_LIMIT_BYTES, LineWriter

LONG = b"x" * (LINE_LIMIT_BYTES + 5)
BITS = {"line end": b"\n", "two line ends": b"\n\n", "two lines": b"a\nb", "long": LONG, "long line": LONG + b"\n"}
PIECES = st.lists(st.one_of(st.binary(max_size=20), st.sampled_from(sorted(BITS))), max_size=12)
"""Bytes, or the name of some that would be too long to print."""


def bytes_of(pieces: list[bytes | str]) -> list[bytes]:
    return [BITS[piece] if isinstance(piece, str) else piece for piece in pieces]


def written(pieces: list[bytes]) -> bytes:
    """What the supervisor would have in its file."""
    with tempfile.TemporaryFile() as file:
        writer = LineWriter(file.fileno(), b"stdout")
        for piece in pieces:
            writer.feed(piece)
        writer.close()
        file.seek(0)
        return file.read()


@given(PIECES, st.integers(1, 50_000))
def test_what_was_written_is_read(named: list[bytes | str], block: int) -> None:
    """Byte for byte, wherever the blocks are cut."""
    pieces = bytes_of(named)
    log, renderer = written(pieces), Renderer()

    read = b"".join(renderer.feed(log[at : at + block]) for at in range(0, len(log), block))

    assert b"".join(pieces) == read


@given(PIECES, st.integers(0, 6))
def test_the_tail_is_the_last_lines(named: list[bytes | str], lines: int) -> None:
    """As `tail -n` would say of the output itself."""
    pieces = bytes_of(named)
    output, log = b"".join(pieces), io.BytesIO(written(pieces))

    log.seek(tail_start(log, lines))

    whole = output.split(b"\n")
    expected = [line + b"\n" for line in whole[:-1]] + ([whole[-1]] if whole[-1] else [])
    assert b"".join(expected[-lines:] if lines else []) == Renderer().feed(log.read())


@given(PIECES, st.integers(0, 100))
def test_the_limit_cuts_anywhere(named: list[bytes | str], limit: int) -> None:
    """Never more than was asked for, and all of it when there is so much."""
    pieces = bytes_of(named)

    assert b"".join(pieces)[:limit] == Renderer(limit_bytes=limit).feed(written(pieces))
