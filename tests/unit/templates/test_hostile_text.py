"""Anybody may write a template: whatever the text, the answer is text or a TemplateError, after bounded work."""

import sys
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kelos.templates import Limits, StringMap, TemplateError, parse

PIECES = [
    *(
        "{{",
        "}}",
        "{{- ",
        " -}}",
        "{{/*",
        "*/}}",
        "(",
        ")",
        "|",
        ":=",
        "=",
        ",",
        ".",
        "$",
        "$x",
        ".a",
        ".b.c",
        " ",
        "\n",
    ),
    *(
        "if ",
        "else ",
        "else if ",
        "with ",
        "range ",
        "end",
        "break",
        "continue",
        "define ",
        "template ",
        "block ",
        "nil",
    ),
    *("and ", "or ", "not ", "len ", "index ", "slice ", "print ", "printf ", "println ", "html ", "js ", "urlquery "),
    *("call ", "eq ", "ne ", "lt ", "le ", "gt ", "ge ", "true ", "1 ", "-2 ", "0x1F ", "1.5e3 ", "1i ", "99999999 "),
    *(
        '"t" ',
        '"%v" ',
        '"%[2]*.[1]*d" ',
        '"%99999999d" ',
        '"%#+q" ',
        "`raw` ",
        "'x' ",
        "'",
        '"',
        "`",
        "\\",
        "\ud800",
        "\0",
    ),
    *("{{range .list}}", "{{if .a}}", "{{end}}", "{{else}}", '{{define "t"}}', '{{template "t" .}}', "{{$x := .a}}"),
]
TEXTS = st.one_of(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.text(max_size=60))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.builds(StringMap),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "c", "list", "é"]), inner),
    max_leaves=12,
)
DATA = st.dictionaries(st.sampled_from(["a", "b", "list"]), JSON)
FLAGS = st.text("+-# 0123456789.*[]", max_size=6)
FORMATS = st.lists(st.builds("%{}{}".format, FLAGS, st.sampled_from([*"vdsqxXbocUeEfFgGtTpwz%é", ""])), max_size=4)

LIMITS = Limits(steps=3000, output_bytes=20_000)
# Function calls of the interpreter that one step may cost: ten as a rule, more where characters are quoted one by one.
CALLS_PER_STEP = 100
CALLS_PER_CHARACTER = 60
CALLS_TO_BEGIN = 2000


def calls_made(work):
    """How many functions are called, in Python or in C: time, but the same on every machine."""
    count = 0

    def note(_frame, event, _argument):
        nonlocal count
        if event in ("call", "c_call"):
            count += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def attempt(text, data):
    with suppress(TemplateError):
        result = parse(text).render(data, limits=LIMITS)
        assert len(result.encode()) <= LIMITS.output_bytes * 3  # a byte may become a replacement character


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(text=TEXTS, data=DATA)
def test_any_text_gives_text_or_a_template_error(text, data):
    """Anything else would end the loop that renders it."""
    calls = calls_made(lambda: attempt(text, data))

    allowed = CALLS_TO_BEGIN + CALLS_PER_STEP * LIMITS.steps + CALLS_PER_CHARACTER * len(text)
    assert calls <= allowed


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(formats=FORMATS, data=DATA)
def test_any_format_gives_text_or_a_template_error(formats, data):
    """Formats have a language of their own, with widths and indexes to get wrong."""
    template = parse("{{printf .f .a .b 3 1.5}}")

    with suppress(TemplateError):
        template.render({**data, "f": " ".join(formats)}, limits=LIMITS)


LONG = "é'\n\"" * 20_000
EXPENSIVE = {
    "loops": "{{range 1000000}}{{range 1000000}}{{end}}{{end}}",
    "comparisons": "{{range 1000000}}{{if eq . 1 2 3 4}}{{end}}{{end}}",
    "long texts": "{{range 1000}}{{$x := len $.long}}{{end}}",
    "long comparisons": "{{$y := print .ascii}}{{range 1000}}{{$x := eq $.ascii $y}}{{end}}",
    "quoting": '{{range 1000}}{{$x := printf "%+q" $.long}}{{end}}',
    "escaping": "{{range 1000}}{{$x := js $.long}}{{end}}",
    "bytes": "{{range 1000}}{{$x := index $.long 3}}{{end}}",
    "slices": "{{range 1000}}{{$x := slice $.list 3}}{{end}}",
    "sorting": "{{range 1000}}{{range $.map}}{{break}}{{end}}{{end}}",
    "printing": "{{range 1000}}{{$x := print $.map}}{{end}}",
    "directives": '{{$f := "' + "%d" * 3000 + '"}}{{range 1000}}{{$x := printf $f}}{{end}}',
    "arguments": "{{range 1000}}{{$x := print" + " 1" * 3000 + "}}{{end}}",
    "recursion": '{{define "t"}}{{template "t"}}{{template "t"}}{{end}}{{template "t"}}',
    "doubling": '{{$s := "x"}}{{range 1000}}{{$s = print $s $s}}{{end}}',
    "fields": "{{range 1000}}{{$x := $.nested" + ".a" * 300 + "}}{{end}}",
}


@pytest.mark.parametrize("text", EXPENSIVE.values(), ids=EXPENSIVE)
def test_work_is_bounded_by_steps(text):
    """Every way to make one step expensive is paid for in steps."""
    nested = {}
    for _ in range(300):
        nested = {"a": nested}
    data = {
        "long": LONG,
        "ascii": "a" * 80_000,
        "list": list(range(50_000)),
        "map": {str(n): n for n in range(2000)},
        "nested": nested,
    }
    template = parse(text)

    def work():
        with pytest.raises(TemplateError, match=r"steps|deep|larger"):
            template.render(data, limits=LIMITS)

    assert calls_made(work) <= CALLS_TO_BEGIN + CALLS_PER_STEP * LIMITS.steps


LONG_TEXTS = {
    "a decimal number": "{{" + "1" * 200_000 + "}}",
    "a number that breaks off": "{{1." + "1" * 200_000 + "e}}",
    "a hexadecimal number": "{{0x" + "f" * 200_000 + "}}",
    "underscores": "{{1" + "_" * 200_000 + "}}",
    "an open string": '{{"' + "a" * 200_000,
    "escapes": '{{"' + "\\x41" * 50_000 + '"}}',
    "spaces": "{{1" + " " * 200_000 + "-}}",
    "openings": "{{" * 100_000,
    "trim markers": "{{- 1 -}} " * 5000,
    "comments": "{{/* c */}}" * 10_000,
    "definitions": '{{define "x"}} {{end}}' * 5000,
    "variables": "".join(f"{{{{$x{n} := 1}}}}" for n in range(5000)),
}


@pytest.mark.parametrize("text", LONG_TEXTS.values(), ids=LONG_TEXTS)
def test_reading_takes_time_in_proportion_to_the_text(text):
    """A prompt may have half a megabyte; what is quadratic in that never ends."""
    attempt(text, {})
