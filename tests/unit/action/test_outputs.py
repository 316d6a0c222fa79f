"""Outputs are written by agents and read by shells: each is validated, and none can forge another."""

import json
import subprocess
from pathlib import Path

import pytest
from actions_toolkit.file_command import prepare_key_value_message
from hypothesis import given
from hypothesis import strategies as st

from fakes.runner import parse_outputs
from kelos.action.conclusion import Conclusion, Ending
from kelos.action.outputs import OUTPUTS, VALUE_LIMIT_BYTES, Facts, outputs_of, write_outputs

DONE = Ending(conclusion=Conclusion.SUCCESS, message="done")


def outputs(**results: str) -> dict[str, str]:
    """What becomes of an agent's results."""
    return dict(outputs_of({"metadata": {}, "status": {"results": results}}, DONE, Facts()).by_name)


def test_every_output_is_there_even_when_nothing_is_known():
    """A missing output and an empty one look alike to a workflow, and differ in a matrix of jobs."""
    assert dict.fromkeys(OUTPUTS, "") == outputs_of({}, None, Facts()).by_name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("branch", "fix/issue-1"),
        ("branch", "release@2.0#a"),
        ("commit", "0123456789abcdef" * 2 + "01234567"),
        ("commit", "a" * 64),
        ("base-branch", "main"),
        ("pr", "https://github.com/acme/widgets/pull/12"),
        ("cost-usd", "0.0215"),
        ("input-tokens", "3600"),
        ("model", "claude-opus-5-5[1m]"),
        ("session-id", "d7459655-9723-4c43-907a-303019690ed3"),
    ],
)
def test_what_looks_as_it_must_is_passed_on(name, value):
    """Pipelines chain on these."""
    assert value == outputs(**{name: value})[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("branch", "$(touch pwned)"),
        ("branch", "a;b"),
        ("branch", "a`b`"),
        ("branch", "-rf"),
        ("branch", "a\nb"),
        ("base-branch", "a'b"),
        ("commit", "HEAD"),
        ("commit", "A" * 40),
        ("commit", "a" * 41),
        ("pr", "http://github.com/acme/widgets/pull/1"),
        ("pr", "https://evil.example/acme/widgets/pull/1"),
        ("pr", "https://github.com.evil.example/acme/widgets/pull/1"),
        ("pr", "https://github.com@evil.example/acme/widgets/pull/1"),
        ("pr", "https://github.com/acme/widgets/pull/1?x=$(id)"),
        ("pr", "https://github.com/acme/widgets/pull/1\n"),
        ("cost-usd", "$1"),
        ("cost-usd", "1e9"),
        ("cost-usd", "-1"),
        ("input-tokens", "many"),
        ("input-tokens", "٣"),
        ("model", "a b"),
        ("session-id", "../../x"),
    ],
)
def test_what_does_not_is_left_empty_with_a_warning(name, value):
    """These words flow into other people's scripts; the warning never repeats them."""
    found = outputs_of({"metadata": {}, "status": {"results": {name: value}}}, DONE, Facts())

    assert "" == found.by_name[name]
    assert any(f"`{name}`" in warning for warning in found.warnings)
    assert not any(value.strip() in warning for warning in found.warnings if len(value) > 3)


def test_a_pull_request_belongs_to_the_server_of_the_workflow():
    """On an enterprise server a link to github.com is as foreign as any other."""
    facts = Facts(server_url="https://git.acme.example")
    urls = ("https://git.acme.example/a/b/pull/3", "https://github.com/a/b/pull/3")

    found = [outputs_of({"status": {"results": {"pr": url}}}, DONE, facts).by_name for url in urls]

    assert [(urls[0], "3"), ("", "")] == [(one["pr"], one["pr-number"]) for one in found]


def test_usage_wins_over_results():
    """It adds up all attempts; results speak of the last."""
    status = {"results": {"input-tokens": "1"}, "usage": {"inputTokens": 5, "cost": "0.5"}}

    found = outputs_of({"status": status}, DONE, Facts()).by_name

    assert ("5", "0.5") == (found["input-tokens"], found["cost-usd"])


@pytest.mark.parametrize(
    ("said", "cost"),
    [("0.021539999999999997", "0.02154"), ("1.0000000001", "1"), ("0.0000004", "0"), ("0.1234567.8", ""), ("2", "2")],
)
def test_a_cost_is_told_to_a_millionth(said, cost):
    """Agents add up floats; seventeen decimals are no reason to tell no cost at all."""
    assert cost == outputs(**{"cost-usd": said})["cost-usd"]


def test_times_with_fractions_are_understood():
    """Some controllers write them; Python 3.10 reads three or six digits only."""
    times = {"startTime": "2026-01-01T00:00:05.5Z", "completionTime": "2026-01-01T00:01:05.123456789Z"}

    found = outputs_of({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "status": times}, DONE, Facts())

    assert ("60", "5") == (found.by_name["duration-seconds"], found.by_name["queue-seconds"])


def test_long_results_shed_the_response_first_and_then_go_to_the_file_alone():
    """Job outputs have a limit of their own; `fromJSON` of half a text would fail."""
    long = "x" * VALUE_LIMIT_BYTES

    assert {"branch": "b"} == json.loads(outputs(branch="b", response=long)["results"])
    assert "" == outputs(branch="b", notes=long)["results"]


def test_a_message_is_one_clean_line_of_a_kibibyte():
    """It ends up in annotations and chat messages."""
    ending = Ending(conclusion=Conclusion.FAILURE, message="a\x1b[31mb\n::error::c\r\n" + "ü" * 2000)

    message = outputs_of({}, ending, Facts()).by_name["message"]

    assert message.startswith("ab ::error::c üü")
    assert len(message.encode()) <= 1024


@pytest.mark.parametrize("text", ["5\xa0files", "\u8a2d\u5b9a\u3000\u5931\u6557", "young \U00018d09"])
def test_a_message_in_any_language_is_passed_on(text):
    """Spaces that do not break, and letters younger than this Python, are no danger."""
    found = outputs_of({}, Ending(conclusion=Conclusion.FAILURE, message=text), Facts())

    assert (text, ()) == (found.by_name["message"], found.warnings)


HOSTILE = ["x\nEOF\npr=https://evil\nphase=Succeeded", "a<<b", "", "\n", "name=value", "%0A", "ünï\u2028☃", "\r\nx"]


@given(st.lists(st.text(st.characters(exclude_characters="\r", codec="utf-8")), max_size=4))
def test_any_text_comes_back_as_it_was(tmp_path_factory, texts):
    """The runner's own parser is the reader; a guessed delimiter once added outputs."""
    path = tmp_path_factory.mktemp("out") / "output"
    values = {f"name-{n}": text for n, text in enumerate(texts)}

    write_outputs(path, values)

    assert values == parse_outputs(path.read_bytes().decode())


@pytest.mark.parametrize("value", HOSTILE)
def test_we_write_what_the_toolkit_writes(tmp_path: Path, value):
    """GitHub's protocol has one published implementation per language; ours differs in the delimiter alone."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"

    write_outputs(ours, {"name": value})
    theirs.write_text(prepare_key_value_message("name", value) + "\n", encoding="utf-8", newline="")

    def shape(path: Path) -> str:
        text = path.read_bytes().decode()
        delimiter = text.split("\n", 1)[0].partition("<<")[2]
        return text.replace(delimiter, "DELIMITER")

    assert shape(theirs) == shape(ours)


def test_a_branch_that_is_passed_on_is_harmless_even_unquoted(tmp_path: Path):
    """People forget quotes."""
    branch = outputs(branch="a/b_c-d.e@f+g=h,i#j")["branch"]

    done = subprocess.run(["bash", "-c", f"printf %s {branch}"], capture_output=True, text=True, check=True, timeout=99)

    assert branch == done.stdout
