"""Our imitation of the runner reads what the runner reads: where it were kinder, tests would prove nothing."""

import pytest

from fakes.runner import Command, commands, obeyed, parse_outputs


@pytest.mark.parametrize(
    ("log", "found"),
    [
        ("::error::x", ["::error::x"]),
        ("  \u3000\x85::error::x", ["::error::x"]),
        ("::ERROR title=a::x", ["::ERROR title=a::x"]),
        ("x ::error::y", []),
        ("\x1c::error::x", []),
        ("\ufeff::error::x", []),
        ("::unheard-of::x", []),
        ("::error:x", []),
        ("a\r::error::x", ["::error::x"]),
        ("a\x0b::error::x\x85::error::y\u2028::error::z", []),
        ("x ##[error]y", ["x ##[error]y"]),
        ("##[unheard-of]x ##[error]y", []),
        ("::stop-commands::k\n::error::x\n##[error]y\n::k::\n::error::z", ["::error::z"]),
        ("::stop-commands::k\n::stop-commands::l\n::k::\n::error::z", ["::error::z"]),
        ("::stop-commands::k\n##[k]\n::error::z", ["::error::z"]),
    ],
)
def test_a_command_is_found_where_the_runner_finds_it(log, found):
    """At the start of a line but for .NET's white space, or in the old form anywhere."""
    assert found == commands(log)


def test_a_command_is_taken_apart_as_the_runner_does():
    """What is escaped in a property is not what is escaped in the data."""
    (command,) = obeyed("::warning title=a%3Ab%2Cc,file=x::1%25%0A%3A")

    assert Command(name="warning", properties={"title": "a:b,c", "file": "x"}, data="1%\n%3A", line=command.line) == (
        command
    )


def test_a_fence_that_stays_closed_is_seen():
    """The commands of our own last words would be lost."""
    with pytest.raises(AssertionError, match="listens to no commands"):
        obeyed("::stop-commands::k\n::error::x")


@pytest.mark.parametrize(
    ("text", "linux", "windows"),
    [
        ("a=b=c\n\nd=\n", {"a": "b=c", "d": ""}, {"a": "b=c", "d": ""}),
        ("a<<E\n1\n2\nE\nb=c", {"a": "1\n2", "b": "c"}, {"a": "1\n2", "b": "c"}),
        ("a<<E\n1\r\nE\n", {"a": "1\r"}, {"a": "1"}),
        ("a<<E\nE\n", {"a": ""}, {"a": ""}),
        ("a=<<E\nb=1\n", {"a": "<<E", "b": "1"}, {"a": "<<E", "b": "1"}),
        ("a<<E\n1\u2028E\x85E\nE\n", {"a": "1\u2028E\x85E"}, {"a": "1\u2028E\x85E"}),
    ],
)
def test_files_are_read_as_the_runner_reads_them(text, linux, windows):
    """The last of two values wins, and no character but LF ends a line, on Windows CRLF too."""
    assert (linux, windows) == (parse_outputs(text), parse_outputs(text, windows=True))


@pytest.mark.parametrize("text", ["x\n", "=x\n", "<<E\n1\nE\n", "a<<\n\n", "a<<E\n1\n", "a<<E\n1"])
def test_a_broken_file_is_an_error(text):
    """The runner fails the step."""
    with pytest.raises(AssertionError):
        parse_outputs(text)
