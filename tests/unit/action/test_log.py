"""Log text is hostile: it is cleaned, marked and fenced before it reaches the runner."""

import io

import pytest
from actions_toolkit.command import Command
from hypothesis import given
from hypothesis import strategies as st

from fakes.runner import commands
from kelos.action.log.book import LogBook
from kelos.action.log.console import Console
from kelos.action.log.show import Show
from kelos.action.log.stream import Resumption, has_ended
from kelos.action.log.text import LINE_LIMIT, clean_lines, clean_message


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\x1b[1;31mred\x1b[0m", ["red"]),
        ("\x1b]0;title\x07x", ["x"]),
        ("\x1b]8;;https://evil\x1b\\link\x1b]8;;\x1b\\", ["link"]),
        ("\x9b31mred", ["red"]),
        ("\x1bPq\x1b\\x", ["x"]),
        ("\x1b]0;never ended", [""]),
        ("a\rb", ["a", "b"]),
        ("a\r\nb", ["a", "b"]),
        ("a\tb", ["a    b"]),
        ("a\x00\x07\x08b", ["ab"]),
        ("##[error]x", ["# #[error]x"]),
        ("x ##[add-mask]y", ["x # #[add-mask]y"]),
        ("#\x1b[0m#[error]x", ["# #[error]x"]),
        ("##\x00[error]", ["# #[error]"]),
        ("safe \u202ekcab\u202c", ["safe kcab"]),
        ("zero\u200bwidth", ["zerowidth"]),
        ("ünï ☃ 漢字", ["ünï ☃ 漢字"]),
    ],
)
def test_a_line_can_neither_colour_nor_move_nor_hide_nor_command(raw, clean):
    """Terminals, the web view and the runner each have tricks of their own."""
    assert clean == clean_lines(raw)


def test_a_very_long_line_is_cut_and_says_so():
    """The web view hangs on lines of a megabyte."""
    (line,) = clean_lines("x" * 10_000)

    assert f"[{10_000 - LINE_LIMIT} characters more]" == line[LINE_LIMIT + 1 :]


@pytest.mark.parametrize("text", ["::add-mask::a", " \x1b[0m\u200b::error::x", "##[error]x", "\n::stop-commands::x"])
def test_a_sentence_is_no_command(text):
    """A status may begin with words of an agent or of an image."""
    stream = io.StringIO()

    Console(is_actions=True, stream=stream).say(text)

    assert [] == commands(stream.getvalue())


@given(st.lists(st.text(), max_size=6))
def test_no_agent_text_is_ever_obeyed(texts):
    """Whatever the agent prints, the runner sees no command in it."""
    stream = io.StringIO()
    console = Console(is_actions=True, stream=stream)

    for text in texts:
        console.agent(text)
    console.end()

    assert [] == commands(stream.getvalue())


def test_our_own_commands_are_outside_the_fence():
    """A fence left closed would swallow the error annotation, and the next step's commands too."""
    stream = io.StringIO()
    console = Console(is_actions=True, stream=stream)

    console.agent("::error::from the agent")
    console.error("100% ours")
    console.agent("more")
    console.group("The end", ["::endgroup::"])

    assert ["::error title=Kelos::100%25 ours", "::group::The end", "::endgroup::"] == commands(stream.getvalue())


def test_the_fence_has_another_name_each_time():
    """An agent that reads its own log must not learn the word that opens it."""
    stream = io.StringIO()
    console = Console(is_actions=True, stream=stream)
    for _ in range(3):
        console.agent("x")
        console.say("y")

    fences = [line for line in stream.getvalue().splitlines() if line.startswith("::stop-commands::")]

    assert 3 == len(set(fences))


@pytest.mark.parametrize("text", ["plain", "100%", "a: b, c", "percent %0A"])
def test_annotations_are_escaped_as_the_toolkit_does(text):
    """The toolkit is the reference for the command syntax."""
    stream = io.StringIO()

    Console(is_actions=True, stream=stream).warn(text)

    assert f"{Command('warning', {'title': 'Kelos'}, text)}\n" == stream.getvalue()


def test_outside_a_runner_nothing_looks_like_a_command():
    """On a laptop these lines are noise, and a mask would print the secret."""
    stream = io.StringIO()
    console = Console(is_actions=False, stream=stream)

    console.mask("secret")
    console.agent("hello")
    console.error("wrong")

    assert "| hello\nerror: wrong\n" == stream.getvalue()


def test_the_console_stops_at_its_limit_and_says_where_the_rest_is():
    """Unlimited logs kill the web view; the file has everything."""
    stream = io.StringIO()
    console = Console(is_actions=False, stream=stream, limit_bytes=20)

    for _ in range(10):
        console.agent("0123456789")

    assert 2 == stream.getvalue().count("0123456789")
    assert "`log-file`" in stream.getvalue()


def test_a_message_is_one_line():
    """Annotations show the first line only."""
    assert "a b" == clean_message("\n a \r\n\n b\x07 ")


def test_the_book_keeps_all_and_shows_what_people_read(tmp_path):
    """The outputs block and the raw JSON are for machines."""
    stream = io.StringIO()
    book = LogBook(
        tmp_path / "log",
        show=Show("claude-code"),
        console=Console(is_actions=False, stream=stream),
        is_live=True,
    )
    raw = [
        '{"type":"assistant","message":{"content":[{"type":"text","text":"I fixed it"}]}}',
        "---KELOS_OUTPUTS_START---",
        "branch: b",
        "---KELOS_OUTPUTS_END---",
        "after",
    ]

    for line in raw:
        book.write("kelos-agent", line)

    assert [*raw, ""] == book.path.read_text().split("\n")
    assert "I fixed it" in stream.getvalue()
    assert "branch: b" not in stream.getvalue()


def lines_of(resumption: Resumption, *lines: str) -> list[str]:
    return [text for line in lines if (text := resumption.fresh(line.encode())) is not None]


def test_a_resumed_log_skips_what_was_shown():
    """Several lines share a stamp, and the server's `since` is whole seconds."""
    log = [f"2026-01-01T00:00:01.{stamp}Z {text}" for stamp, text in [("1", "a"), ("1", "b"), ("2", "c"), ("2", "d")]]
    resumption = Resumption()

    first = lines_of(resumption, *log[:3])
    query = resumption.since()
    second = lines_of(resumption, *log)

    assert (["a", "b", "c"], {"sinceTime": "2026-01-01T00:00:01Z"}, ["d"]) == (first, query, second)


def test_fractions_of_different_length_are_compared_as_numbers():
    """Container runtimes drop trailing zeros."""
    resumption = Resumption()

    assert ["a", "b"] == lines_of(resumption, "2026-01-01T00:00:01.9Z a", "2026-01-01T00:00:01.95Z b")


def test_a_line_without_a_stamp_is_shown():
    """The kubelet adds remarks of its own."""
    assert ["failed to follow"] == lines_of(Resumption(), "failed to follow\n")


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        ({"phase": "Running"}, False),
        ({"phase": "Succeeded"}, True),
        ({"phase": "Running", "containerStatuses": [{"name": "a", "state": {"terminated": {}}}]}, True),
        ({"phase": "Running", "containerStatuses": [{"name": "b", "state": {"terminated": {}}}]}, False),
        ({"phase": "Pending", "initContainerStatuses": [{"name": "a", "state": {"terminated": {}}}]}, True),
        ({"phase": "Running", "containerStatuses": [{"name": "a", "state": {"running": {}}}]}, False),
    ],
)
def test_a_log_is_over_when_its_container_is(status, ended):
    """Streams end for other reasons too, and are then taken up again."""
    assert ended == has_ended({"status": status}, "a")
