"""Label and field selectors, as questions about objects."""

from typing import Any

import pytest

from kelos.local.server.refusals import Refusal
from kelos.local.server.selectors import accepts_labels, parse_fields, parse_labels


def labelled(**labels: str) -> dict[str, Any]:
    return {"metadata": {"labels": labels}}


@pytest.mark.parametrize(
    ("selector", "accepted", "refused"),
    [
        ("", labelled(), None),
        ("a=b", labelled(a="b"), labelled(a="c")),
        ("a==b", labelled(a="b"), labelled()),
        ("a!=b", labelled(), labelled(a="b")),
        ("a", labelled(a=""), labelled()),
        ("!a", labelled(), labelled(a="x")),
        ("a in (b, c)", labelled(a="c"), labelled(a="d")),
        ("a notin (b,c),x=y", labelled(x="y"), labelled(a="b", x="y")),
        ("a>3", labelled(a="4"), labelled(a="3")),
        ("a<3", labelled(a="2"), labelled(a="x")),
        ("example.com/a=b", {"metadata": {"labels": {"example.com/a": "b"}}}, labelled(a="b")),
        ("in=x", {"metadata": {"labels": {"in": "x"}}}, labelled()),
        (" a = b , c ", labelled(a="b", c="d"), labelled(a="b")),
    ],
)
def test_labels_are_asked(selector: str, accepted: Any, refused: Any) -> None:
    """An absent label is in no set, and different from every value."""
    requirements = parse_labels(selector)

    assert accepts_labels(requirements, accepted)
    assert refused is None or not accepts_labels(requirements, refused)


@pytest.mark.parametrize("selector", ["=", "a=b=c", "a in b", "a,,b", ",", "a b", "a=b;c", "a in (b", "-a=b"])
def test_what_is_not_understood_is_refused(selector: str) -> None:
    """Never taken for everything: a deletion may hang on it."""
    with pytest.raises(Refusal):
        parse_labels(selector)


def test_fields_may_hold_commas_and_equal_signs() -> None:
    """Escaped by a backslash."""
    (requirement,) = parse_fields(r"metadata.name=a\,b\=c", ["metadata.name"])

    assert frozenset({"a,b=c"}) == requirement.values


@pytest.mark.parametrize("selector", ["spec.secret=x", "metadata.name", "metadata.name>1"])
def test_fields_nobody_selects_by_are_refused(selector: str) -> None:
    """Silence would look like an empty list."""
    with pytest.raises(Refusal):
        parse_fields(selector, ["metadata.name"])
