"""Regular expressions from users run on RE2, whatever text a stranger sends."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelos.errors import UserError
from kelos.matching.regex import parse_regex, quote


@pytest.mark.parametrize(
    ("expression", "text", "is_in"),
    [
        ("/kelos (plan|review)", "please /kelos plan", True),
        ("(?m)^/kelos plan$", "hello\n/kelos plan\nbye", True),
        ("^/kelos plan$", "hello\n/kelos plan", False),
        ("a.b", "a\nb", False),
        ("(?i)FIX", "please fix", True),
        (r"\p{Greek}", "ü α", True),
        ("", "", True),
    ],
)
def test_an_expression_may_match_anywhere(expression, text, is_in):
    """As in Go: not anchored, a dot is no line break, `^` is the beginning of the text."""
    assert is_in is parse_regex(expression).is_in(text)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("(", r"Pattern '\(' is not a regular expression of RE2 \(missing \): \(\): see https://"),
        ("(?=a)", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("((a{100}){100}){100}", "invalid repetition size"),
        ("a" * 1025, "Pattern has 1025 characters, the limit is 1024: make it shorter"),
    ],
)
def test_what_could_take_long_is_refused(expression, words):
    """No look-around, no back-reference, no explosion."""
    with pytest.raises(UserError, match=words):
        parse_regex(expression)


def test_no_text_takes_long():
    """The classic that keeps other engines busy for years."""
    started = time.process_time()

    assert not parse_regex("^(a+)+$").is_in("a" * 100_000 + "!")
    assert time.process_time() - started < 5


@given(st.text())
def test_quoted_text_matches_itself(text):
    """Also text that JSON can hold and UTF-8 cannot."""
    assert parse_regex(quote("a\ud800")).is_in("a\ud800")
    assert len(text) > 500 or parse_regex(quote(text)).is_in(f"x{text}x")
