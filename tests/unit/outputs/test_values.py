"""Values from agent pods are checked before they become facts."""

import pytest

from kelos.api.outcome import Usage
from kelos.outputs import values


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (values.branch, ["main", "kelos/fix-1", "ünï"], ["", "-x", "a..b", "a b", "a\nb", "x.lock", "@{", None, 3]),
        (values.commit, ["a" * 40, "0" * 64], ["a" * 39, "A" * 40, "HEAD", "a" * 41, None]),
        (
            values.pull_request,
            ["https://github.com/a/b/pull/1", "https://ghe.example:8443/a/b/pull/1"],
            ["http://github.com/a", "https://u:p@github.com/a", "javascript:x", "https://x/a b", "https://x", None],
        ),
        (values.word, ["gpt-6.1-sol", "anthropic/claude", "m[1m]"], ["", "a b", "-x", "a\n", "x" * 201, None]),
    ],
)  # fmt: skip
def test_only_the_real_thing_passes(check, good, bad):
    """Step outputs, comments and later git commands are built from them."""
    assert good == [check(value) for value in good]
    assert [None] * len(bad) == [check(value) for value in bad]


@pytest.mark.parametrize(
    ("written", "plain"),
    [("0.0421", "0.0421"), ("1e-05", "0.00001"), ("5", "5"), ("0.000", "0"), ("2E2", "200")],
)
def test_costs_become_plain_decimals(written, plain):
    """Exponents confuse every reader that is no programming language."""
    assert plain == values.cost(written)


@pytest.mark.parametrize("written", ["-1", "NaN", "1e999", "$5", "", "250m", None, 0.5, "１"])
def test_other_costs_are_none(written):
    assert values.cost(written) is None


def test_usage_comes_from_results():
    """As far as the log of a foreign image tells it."""
    results = {"input-tokens": "12", "output-tokens": "x", "cost-usd": "1e-05", "cache-read-tokens": "0", "model": "m"}

    assert Usage(input_tokens=12, cost_usd="0.00001", cache_read_tokens=0, model="m") == values.usage_of(results)
