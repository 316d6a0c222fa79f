"""Lines out of chunks, in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from kelos.runner.execution.capture import Lines


@given(
    lines=st.lists(st.text(st.characters(blacklist_characters="\n", blacklist_categories=("Cs",)))),
    size=st.integers(1, 9),
)
def test_chunks_do_not_matter(lines, size):
    """A pipe cuts wherever it likes, also inside a character."""
    data = "\n".join([*lines, ""]).encode()
    cutter = Lines()
    chunks = [data[i : i + size] for i in range(0, len(data), size)]

    assert lines == [line for chunk in chunks for line in cutter.feed(chunk)]


def test_a_line_over_the_limit_is_dropped_and_the_next_one_is_not():
    """One absurd line must cost neither memory nor the result that follows it."""
    cutter = Lines(limit_bytes=10)

    assert ["before", "after"] == cutter.feed(b"before\n" + b"x" * 11 + b"\nafter\n")
    assert [] == cutter.feed(b"y" * 6) + cutter.feed(b"y" * 6) + cutter.feed(b"\n")
    assert ["end"] == cutter.feed(b"end\n")


def test_a_last_line_without_an_end_counts():
    cutter = Lines()

    assert [] == cutter.feed(b"last")
    assert ["last"] == cutter.rest()
    assert [] == cutter.rest()
