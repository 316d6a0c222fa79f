"""The files by which a step talks to the runner: outputs, environment and state share one format."""

from __future__ import annotations


def parse_outputs(text: str, *, windows: bool = False) -> dict[str, str]:
    """`name=value`, or `name<<delimiter` up to that line; an AssertionError where the runner fails the step."""
    found: dict[str, str] = {}
    index = 0
    while index < len(text):
        line, newline, index = _line(text, index, windows)
        equals, heredoc = line.find("="), line.find("<<")
        if heredoc >= 0 and (equals < 0 or heredoc < equals):
            name, delimiter = line[:heredoc], line[heredoc + 2 :]
            assert name, f"Invalid format '{line}': name must not be empty"
            assert delimiter, f"Invalid format '{line}': delimiter must not be empty"
            start = end = index
            while True:
                assert index < len(text), f"Matching delimiter not found '{delimiter}'"
                line, newline, index = _line(text, index, windows)
                if line == delimiter:
                    break
                assert newline, "EOF marker missing new line"
                end = index - len(newline)
            found[name] = text[start:end]
        elif equals > 0:
            found[line[:equals]] = line[equals + 1 :]
        else:
            assert not line, f"Invalid format '{line}'"
    return found


def _line(text: str, index: int, windows: bool) -> tuple[str, str, int]:
    """The line at `index`, what ends it, and where the next begins. Nothing but LF, on Windows CRLF too, ends one."""
    end = text.find("\n", index)
    if end < 0:
        return text[index:], "", len(text)
    if windows and text[index:end].endswith("\r"):
        return text[index : end - 1], "\r\n", end + 1
    return text[index:end], "\n", end + 1
