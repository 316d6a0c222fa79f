"""Globs are a public format; the answers of the library that the reference uses are recorded in a file."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelos.errors import UserError
from kelos.matching.globs import parse_glob

RECORDED = json.loads((Path(__file__).parents[2] / "data" / "globs.json").read_text())


def answer(pattern, path):
    try:
        return {"matches": parse_glob(pattern).matches(path)}
    except UserError:
        return {"error": "invalid"}


def test_a_glob_matches_what_it_always_did():
    """Which pull requests a spawner takes does not change with the system it runs on."""
    expected = {
        (case["pattern"], case["path"]): {k: case[k] for k in ("matches", "error") if k in case}
        for case in RECORDED["cases"]
    }

    assert expected == {(pattern, path): answer(pattern, path) for pattern, path in expected}


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("src/**", "src/a/b.py"),
        ("**/*.md", "README.md"),
        ("docs/**/index.{md,rst}", "docs/a/b/index.rst"),
        ("{src,lib}/[^_]*.py", "lib/a.py"),
        ("**", "any/thing/at all"),
        ("a/**/**/b", "a/b"),
    ],
)
def test_globs_that_people_write(pattern, path):
    """`**` crosses folders, even none."""
    assert parse_glob(pattern).matches(path)
    assert not parse_glob(pattern).matches(f"x\n{path}".replace("any", "")) or pattern.startswith("**")


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("[a", "Glob '[a' must have a ']' for its '[': write '\\[' for one in the path"),
        ("[]", "Glob '[]' must have a character between '[' and ']'"),
        ("{a", "Glob '{a' must have a '}' for its '{': write '\\{' for one in the path"),
        ("a}", "Glob 'a}' must have a '{' for its '}': write '\\}' for one in the path"),
        ("a\\", "Glob 'a\\' must not end with a backslash: write two of them for one in the path"),
        ("{a,b}" * 7, f"Glob '{'{a,b}' * 7}' must not have more than 100 alternatives: write several globs"),
        ("a" * 1025, "Glob has 1025 characters, the limit is 1024: make it shorter"),
    ],
)
def test_a_refusal_says_what_to_write(pattern, sentence):
    """A wrong glob that counted as "no match" would let nothing, or everything, through."""
    with pytest.raises(UserError) as refused:
        parse_glob(pattern)

    assert sentence == str(refused.value)


def test_no_glob_takes_long():
    """Globs and paths are strangers' text."""
    started = time.process_time()
    glob = parse_glob("{a,b}" * 6 + "**/*a*?" * 100)

    assert not glob.matches("a/" * 20_000)
    assert time.process_time() - started < 5


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_a_glob_or_refused(pattern, path):
    """Nothing in it can break a pass."""
    assert {"matches", "error"} & answer(pattern, path).keys()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
def test_a_quoted_path_matches_itself_only(path):
    """A backslash takes the meaning of every character away."""
    glob = parse_glob("".join(f"\\{letter}" for letter in path))

    assert glob.matches(path)
    assert not glob.matches(f"{path}x")
