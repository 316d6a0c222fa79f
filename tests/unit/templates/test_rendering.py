"""What callers may rely on: data are JSON and nothing else, errors name their place, budgets hold."""

from enum import Enum
from types import MappingProxyType

import pytest

from kelos.errors import UserError
from kelos.templates import Limits, StringMap, TemplateError, parse, render


class Secretive:
    """An object with something that a template must not reach."""

    token = "hunter2"

    def __str__(self):
        return self.token


class Word(str, Enum):
    OPEN = "open"


def failure(text, data=None, **options):
    with pytest.raises(TemplateError) as caught:
        parse(text).render(data or {}, **options)
    return caught.value


def test_a_template_is_read_once_and_rendered_often():
    """Spawners render one template for every work item."""
    template = parse("fix-{{.Number}}")

    assert ["fix-1", "fix-2"] == [template.render({"Number": number}) for number in (1, 2)]


def test_a_broken_template_is_found_without_data():
    """A manifest is refused when it is applied, not when the first item arrives."""
    with pytest.raises(TemplateError, match="line 2, column 3: there is no function 'upper'") as caught:
        parse("a\n{{upper .Title}}")

    assert ("parse", 2, 3) == (caught.value.kind, caught.value.line, caught.value.column)


def test_a_failed_rendering_says_where_and_why():
    """Whoever wrote the prompt can mend it."""
    error = failure("{{.Title}}\n\n  {{index .Labels 7}}", {"Title": "t", "Labels": ["a"]})

    assert ("execute", 3, 5) == (error.kind, error.line, error.column)
    assert "Template line 3, column 5: the index 7 is out of range" == str(error)
    assert isinstance(error, UserError)


def test_missing_keys_are_refused_when_strict():
    """A prompt with a hole in it costs money and helps nobody."""
    assert "<no value>" == render("{{.Titel}}", {"Title": "t"})
    assert "there is no entry 'Titel'" == failure("{{.Titel}}", {"Title": "t"}, strict=True).message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{{index .Deps "a" "Results" "branch"}}', "b"),
        ("{{.Deps.a.Results.branch}}", "b"),
        ('{{index .Deps "a" "Results" "nokey"}}', ""),
        ('{{index .Deps "none" "Results" "nokey"}}', ""),
        ('{{index .Deps "a" "Outputs"}}', "[branch: b commit: c]"),
        ('{{index .Deps "a" "Nope"}}', "<no value>"),
    ],
)
def test_a_prompt_reads_the_results_of_dependencies(text, expected):
    """Chained Tasks work as in the reference, down to results that are not there."""
    deps = {
        "a": {"Name": "a", "Outputs": ["branch: b", "commit: c"], "Results": StringMap(branch="b")},
        "none": {"Name": "none", "Outputs": [], "Results": StringMap()},
    }

    assert expected == render(text, {"Deps": deps}, strict=True)


@pytest.mark.parametrize("text", ["{{.Deps.a.Results.nokey}}", '{{index .Deps "unknown" "Results" "k"}}', "{{.Other}}"])
def test_a_prompt_that_asks_for_the_unknown_fails(text):
    """The caller then sends the raw prompt and says so."""
    data = {"Deps": {"a": {"Name": "a", "Outputs": [], "Results": StringMap(branch="b")}}}

    assert "execute" == failure(text, data, strict=True).kind


@pytest.mark.parametrize("text", ["{{.it}}", "{{print .list}}", "{{range .list}}{{.}}{{end}}", "{{index .list 0}}"])
def test_objects_are_refused_wherever_they_hide(text):
    """Neither an attribute nor a method of ours runs because a template asks for it."""
    error = failure(text, {"it": Secretive(), "list": [Secretive()]})

    assert "the data hold a Secretive, but templates see JSON values only" == error.message


@pytest.mark.parametrize("text", ["{{.Title.upper}}", "{{.Title.__class__}}", "{{.__class__}}", "{{.Labels.append}}"])
def test_python_attributes_do_not_exist(text):
    """Fields are keys of maps; the way from a string to the interpreter is closed."""
    error = failure(text, {"Title": "t", "Labels": []}, strict=True)

    assert "execute" == error.kind


def test_relatives_of_json_types_are_taken_for_what_they_are():
    """Callers hand over enums, tuples and read-only maps without converting them first."""
    data = MappingProxyType({"word": Word.OPEN, "pair": (1, Word.OPEN), "inner": MappingProxyType({"a": True})})

    assert "open [1 open] map[a:true] true" == render('{{.word}} {{.pair}} {{.inner}} {{eq .word "open"}}', data)


def test_integers_beyond_64_bits_are_floats():
    """Go decodes them that way, and no template can ask for a million digits."""
    assert "1e+30 9223372036854775807" == render("{{.big}} {{.fits}}", {"big": 10**30, "fits": 2**63 - 1})
    assert "too large" in failure("{{.big}}", {"big": 10**5000}).message


def test_text_that_is_no_unicode_cannot_get_out():
    """A lone surrogate would fail later, when the prompt is written somewhere."""
    rendered = render('{{.s}} {{len .s}} {{printf "%q" .s}} \ud800 {{slice "é" 0 1}}', {"s": "\ud800"})

    assert '\ufffd 3 "\ufffd" \ufffd \ufffd' == rendered
    assert "é" == render('{{slice "é" 0 1}}{{slice "é" 1 2}}', {})


@pytest.mark.parametrize(
    ("text", "limits", "complaint"),
    [
        ("{{range 1000000000000}}{{end}}", Limits(steps=1000), "more than 1000 steps"),
        ("{{range 100}}{{print $.long | len}}{{end}}", Limits(steps=1000), "more than 1000 steps"),
        ("{{range 100}}{{.}}{{end}}", Limits(output_bytes=100), "larger than 100 bytes"),
        ("{{range 100}}é{{end}}", Limits(output_bytes=150), "larger than 150 bytes"),
        ('{{$s := "x"}}{{range 100}}{{$s = print $s $s}}{{end}}', Limits(), "steps|larger than"),
        ('{{define "t"}}{{template "t"}}{{end}}{{template "t"}}', Limits(), "more than 200 deep"),
        ('{{template "prompt"}}', Limits(depth=20), "more than 20 deep"),
        ("{{.deep}}", Limits(), "more than 200 deep"),
        ('{{printf "%9000000d" 1}}', Limits(), "larger than"),
        ('{{printf "%.9000000f" 1.5}}', Limits(), "larger than"),
        ('{{printf "%*d%*d%*d%*d%*d" 1000000 1 1000000 1 1000000 1 1000000 1 1000000 1}}', Limits(), "larger than"),
    ],
)
def test_budgets_end_a_template(text, limits, complaint):
    """Whoever may open an issue may not stop the controller."""
    deep = []
    for _ in range(5000):
        deep = [deep]
    error = failure(text, {"deep": deep, "long": "x" * 10_000}, limits=limits)

    assert "execute" == error.kind
    assert any(part in error.message for part in complaint.split("|"))


def test_widths_beyond_belief_are_ignored_as_in_go():
    """The number is not a width then, and swallows the rest of the format."""
    assert "%!(NOVERB)%!(EXTRA int=1)" == render('{{printf "%1000000000d" 1}}', {})


@pytest.mark.parametrize("text", ["{{if 1}}" * 5000, "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}"])
def test_nesting_is_limited_while_reading(text):
    """A stack overflow would end the process, not the template."""
    with pytest.raises(TemplateError, match="nested more than 100 deep"):
        parse(text)


def test_a_long_chain_of_else_if_is_not_deep():
    """Generated prompts have one branch per label."""
    text = "{{if eq .n 0}}0" + "".join(f"{{{{else if eq .n {n}}}}}{n}" for n in range(1, 500)) + "{{end}}"

    assert "499" == render(text, {"n": 499})


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        # Go refuses an integer that comes straight from the data here, because it does not unwrap it.
        ("{{slice .Title 0 .Number}}", "ab"),
        # Go shows the address in memory.
        ('{{printf "%p" .Labels}}', "%!p([]interface {}=[x])"),
    ],
)
def test_where_we_differ_from_go_on_purpose(text, ours):
    """Each difference is a line here, so that no other creeps in unseen."""
    assert ours == render(text, {"Title": "abcd", "Number": 2, "Labels": ["x"]})


def test_a_slice_does_not_grow_back():
    """In Go a slice of a slice may reach elements behind its end: an accident of memory, refused here."""
    assert "the index 2 is out of range" == failure("{{slice (slice .l 0 1) 0 2}}", {"l": [1, 2]}).message


@pytest.mark.parametrize(
    ("template", "go", "ours"),
    [
        ('{{index . "X"}}', "<no value>", ""),
        ("{{.null}}", "<no value>", ""),
        ('{{print (index . "X")}}', "<nil>", ""),
        ('{{printf "fix-%s" (index . "X")}}', "fix-%!s(<nil>)", "fix-"),
        ('{{index . "X" | urlquery}}', "%3Cno+value%3E", ""),
        ('{{with index . "X"}}{{.}}{{else}}main{{end}}', "main", "main"),
    ],
)
def test_what_is_absent_may_have_a_text(template, go, ours):
    """Go's words for nothing at all would become a branch, or a part of a prompt."""
    parsed = parse(template)

    assert go == parsed.render({"null": None}, strict=True)
    assert ours == parsed.render({"null": None}, strict=True, absent="")


def test_a_template_tells_which_words_it_uses():
    """Rules about what a template may use look at every part of it, also at those that are not run."""
    text = (
        '{{with .A.B}}{{$x := index . "C"}}{{$x.D}}{{end}}{{define "t"}}{{range .E}}{{else}}{{(.F).G}}{{end}}{{end}}'
        '{{if eq .H `I`}}{{else if .J}}{{template "t" .K}}{{end}}'
    )

    assert frozenset("ABCDEFGHIJK") == parse(text).words
