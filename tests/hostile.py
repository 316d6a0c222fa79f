"""Text of somebody who means harm: pieces of every language between a workflow and its agent, in any mixture."""

from hypothesis import strategies as st

MARK = "PWNED"
"""In every piece that would do something, so that what it did can be told from what we meant."""

LINE_ENDS = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1e", "\x85", "\u2028", "\u2029")
PIECES = (
    *LINE_ENDS,
    f"::error title={MARK}::{MARK}",
    f"::add-mask::{MARK}",
    f"::set-output name=commit::{MARK}",
    f"::set-env name=PATH::{MARK}",
    f"::stop-commands::{MARK}",
    "::stop-commands::pause-logging",
    f"::group::{MARK}",
    f"##[add-mask]{MARK}",
    f"##[set-output name=pr;]{MARK}",
    f"#\x1b[0m#[error]{MARK}",
    "#\u200b#[warning]",
    "\x1b]0;",
    "\x1b[2J",
    "\x9b31m",
    f"commit={MARK}",
    f"pr<<E\n{MARK}\nE\n",
    "EOF",
    "ghadelimiter_",
    "kelos_",
    "%0A::error::",
    "%25",
    "${{ secrets.TOKEN }}",
    f"$(touch {MARK})",
    f"`touch {MARK}`",
    "{{ .Deps }}",
    "---KELOS_OUTPUTS_START---",
    "---KELOS_OUTPUTS_END---",
    f'"\n  image: {MARK}\n  podOverrides: {{serviceAccountName: {MARK}}}\n  model: "',
    "| a | b |",
    f"![{MARK}](https://evil.example/x)",
    f"<img src=https://evil.example/{MARK}>",
    "```",
    "'",
    '"',
    "\\",
    "\t",
    " ",
    "#",
    ":",
    "[",
)


def texts(*, without: str = "") -> st.SearchStrategy[str]:
    """Any Unicode text, often a mixture of the pieces; never with one of these characters, and no surrogates."""
    anything = st.text(st.characters(codec="utf-8", exclude_characters=without), max_size=12)
    pieces = st.sampled_from([piece for piece in PIECES if not set(piece) & set(without)])
    return st.lists(st.one_of(pieces, anything), max_size=8).map("".join)


ENVIRONMENT = texts(without="\0")
"""What an input or a variable of the runner may hold."""

EVERYTHING = f"{MARK}".join(PIECES)
"""All pieces in a row."""
