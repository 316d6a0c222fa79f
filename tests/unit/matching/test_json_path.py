"""JSONPaths mean what they mean in the library that the reference uses, whose answers are recorded in a file."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelos.errors import UserError
from kelos.matching.json_path import parse_json_path, select, text_of

RECORDED = json.loads((Path(__file__).parents[2] / "data" / "json-paths.json").read_text())
# What the library refuses and we understand: the words people write first.
WIDER = {
    "$.a-b": 5,
    "$['with space']": 6,
    "$['x.y']": 7,
    "$.0": "zero",
    "$.list.0.name": "x",
    "$.a.d[-1]": [7, 8],
    "$['a',  'id']": [RECORDED["documents"]["d"]["a"], 123456789],
    "$.list.0": {"name": "x", "v": 1, "k": "p"},
    "$.list[?(@.k)].name": ["x"],
    "$.list[?(@.name)]": [{"name": "x", "v": 1, "k": "p"}, {"name": "y", "v": 2}, {"name": "z"}],
    "$.list[?(!@.k)].name": ["y", "z"],
    "$.list[?(@.v>1)].name": ["y"],
    "$.list[?(@.v>=1)].name": ["x", "y"],
    "$.list[?(@.v < 2)].name": ["x"],
    "$.a.d[?(@ > 1)]": [2.5],
    "$.list[?(@.v==1 && @.k=='p')].name": ["x"],
    "$.list[?(@.v==1 || @.v==2)].name": ["x", "y"],
}


def answer(path, document):
    try:
        found = parse_json_path(path).find(document)
    except UserError:
        return {"error": "syntax"}
    return {"value": found.value} if found else {"error": "missing"}


@pytest.mark.parametrize("case", [pytest.param(case, id=case["path"]) for case in RECORDED["cases"]])
def test_a_path_finds_what_it_always_did(case):
    """A generic webhook of the reference keeps its fields and filters."""
    document = RECORDED["documents"][case["document"]]
    expected = {key: case[key] for key in ("value", "error") if key in case}
    if case["path"] in WIDER:
        expected = {"value": WIDER[case["path"]]}
    elif case["path"] == r"$['it\'s']":
        expected = {"error": "missing"}

    assert expected == answer(case["path"], document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$..name", ["a", "b", "c"]),
        ("$..*", [{"name": "a", "in": [{"name": "b"}]}, {"name": "c"}, "a", [{"name": "b"}], {"name": "b"}, "b", "c"]),
        ("$..in[0].name", ["b"]),
        ("$.*.name", ["a", "c"]),
        ("$['two','one'].name", ["c", "a"]),
        ("$[?(@.in[?(@.name == 'b')])].name", ["a"]),
    ],
)
def test_values_come_in_the_order_of_the_document(path, value):
    """Where Go's maps have none, an answer is the same each time here."""
    document = {"one": {"name": "a", "in": [{"name": "b"}]}, "two": {"name": "c"}}

    assert {"value": value} == answer(path, document)


@pytest.mark.parametrize(
    ("condition", "is_fulfilled"),
    [
        ("@.v == 1", True),
        ("@.v == 1.0", True),
        ("@.v == '1'", False),
        ("@.v == true", False),
        ("@.v != '1'", True),
        ("@.n == null", True),
        ("@.gone == null", False),
        ("@.gone != 1", False),
        ("@.list == @.list", False),
        ("@.s < 'b'", True),
        ("@.v < 'b'", False),
        ("@.t < 2", False),
        ("@.v <= $.limit", True),
        ('!(@.v > 1) && (@.s == "a" || @.gone)', True),
        ("!!@.s", True),
        ("@.empty", False),
        ("@.list[*]", True),
        ("@.list[5:]", False),
    ],
)
def test_what_fulfils_a_condition(condition, is_fulfilled):
    """Types are never mixed, and what is missing fulfils no comparison, not even that it differs."""
    item = {"v": 1, "n": None, "s": "a", "t": True, "list": [1], "empty": ""}

    assert is_fulfilled is bool(answer(f"$.items[?({condition})]", {"items": [item], "limit": 2})["value"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as\nit is", "as\nit is"),
        (123456789, "123456789"),
        (1.5, "1.5"),
        (1e30, "1e+30"),
        (True, "true"),
        (None, "<nil>"),
        ({"b": [1, "ü"], "a": None}, '{"a":null,"b":[1,"ü"]}'),
        ([], "[]"),
    ],
)
def test_found_values_as_text(value, text):
    """It goes into prompts; whole numbers keep all their digits."""
    assert text == text_of(value) == select("$.x", {"x": value})


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("", "JSONPath '' must begin with '$'"),
        ("$.", "JSONPath '$.' ends too early: write it like $.issue.labels[0].name"),
        ("$.a b", "JSONPath '$.a b' has ' b' at character 4: write it like $.issue.labels[0].name"),
        ("$[?(@.a", "JSONPath '$[?(@.a' ends too early, where ')' belongs: write it like $.issue.labels[0].name"),
        ("$[::0]", "JSONPath '$[::0]' must not have a step of 0"),
        ("$[?" + "(" * 30, "JSONPath '$[?" + "(" * 30 + "' must not be nested more than 20 deep"),
        ("$[?" + "!" * 30, "JSONPath '$[?" + "!" * 30 + "' must not be nested more than 20 deep"),
        ("$" + "[?@" * 30, f"JSONPath '{('$' + '[?@' * 30)[:57]}...' must not be nested more than 20 deep"),
        ("$" * 1025, "JSONPath has 1025 characters, the limit is 1024: make it shorter"),
    ],
)
def test_a_refusal_says_what_to_write(path, sentence):
    """A filter that is silently wrong lets everything through, or nothing."""
    with pytest.raises(UserError) as refused:
        parse_json_path(path)

    assert sentence == str(refused.value)


def test_nothing_found_is_told():
    """An empty text would look like an answer."""
    with pytest.raises(UserError, match=r"^JSONPath '\$\.b' finds nothing in the document$"):
        select("$.b", {"a": 1})


@pytest.mark.parametrize("path", ["$" + "..*" * 8, "$..[?($..[?($..x)])]", "$..[?(@..x == 1)]"])
def test_no_path_takes_long(path):
    """Paths multiply: the steps are counted, not the characters."""
    document = {"a": 1}
    for _ in range(300):
        document = {"a": document, "b": [1] * 5}
    started = time.process_time()

    with pytest.raises(UserError, match="takes more than 200000 steps on this document: make it narrower"):
        parse_json_path(path).find(document)
    assert time.process_time() - started < 5


def test_a_found_text_is_bounded():
    """Every value below every value is as long as the document is deep."""
    document = "x" * 10_000
    for _ in range(300):
        document = [document]

    with pytest.raises(UserError, match="more than 1048576 characters: make it narrower"):
        select("$..*", document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(alphabet="$@.[]()*?:,'\"\\ab01-=!<>&| ", max_size=20), JSON)
def test_any_text_is_a_path_or_refused(path, document):
    """Nothing in it can break a pass."""
    assert {"value", "error"} & answer(f"${path}", document).keys()


@given(st.lists(st.text(max_size=4) | st.integers(0, 3), min_size=1, max_size=4), JSON)
def test_every_value_has_a_path(keys, leaf):
    """Whatever the keys are made of, brackets and quotes reach it."""
    document = leaf
    for key in reversed(keys):
        document = [None] * key + [document] if isinstance(key, int) else {key: document}
    path = "".join(f"[{json.dumps(key)}]" if isinstance(key, str) else f"[{key}]" for key in keys)

    assert {"value": leaf} == answer(f"${path}", document)
