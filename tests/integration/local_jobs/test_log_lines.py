"""The log format, there and back, for any bytes in any pieces."""

import io
import tempfile

from hypothesis import given
from hypothesis import strategies as st

from kelos.local.jobs.process.lines import Renderer, tail_start
from kelos.local.jobs.process.supervise import LINE_LIMIT_BYTES, LineWriter

LONG = b"x" * (LINE_LIMIT_BYTES + 5)
PIECES = st.lists(
    st.one_of(st.binary(max_size=20), st.sampled_from([b"\n", b"\n\n", b"a\nb", LONG, LONG + b"\n"])), max_size=12
)


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
def test_what_was_written_is_read(pieces: list[bytes], block: int) -> None:
    """Byte for byte, wherever the blocks are cut."""
    log, renderer = written(pieces), Renderer()

    read = b"".join(renderer.feed(log[at : at + block]) for at in range(0, len(log), block))

    assert b"".join(pieces) == read


@given(PIECES, st.integers(0, 6))
def test_the_tail_is_the_last_lines(pieces: list[bytes], lines: int) -> None:
    """As `tail -n` would say of the output itself."""
    output, log = b"".join(pieces), io.BytesIO(written(pieces))

    log.seek(tail_start(log, lines))

    whole = output.split(b"\n")
    expected = [line + b"\n" for line in whole[:-1]] + ([whole[-1]] if whole[-1] else [])
    assert b"".join(expected[-lines:] if lines else []) == Renderer().feed(log.read())


@given(PIECES, st.integers(0, 100))
def test_the_limit_cuts_anywhere(pieces: list[bytes], limit: int) -> None:
    """Never more than was asked for, and all of it when there is so much."""
    assert b"".join(pieces)[:limit] == Renderer(limit_bytes=limit).feed(written(pieces))
