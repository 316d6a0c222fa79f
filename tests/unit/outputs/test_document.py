"""The outcome document: small enough for a termination message, and the same on both sides."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kelos.api.outcome import GitFacts, Outcome, Usage
from kelos.api.reasons import Reason
from kelos.outputs.document import LIMIT_BYTES, decode_document, encode_document
from kelos.outputs.markers import lines_of, marker_block, one_line, read_log
from kelos.outputs.outcome import join

COUNTS = st.none() | st.integers(0, 2**53 - 1)
COSTS = st.none() | st.decimals(0, 10_000, allow_nan=False, places=6).map(
    lambda amount: format(amount, "f") if amount else "0"
)
WORDS = st.none() | st.from_regex(r"[a-z][a-z0-9./:-]{0,60}", fullmatch=True)
BRANCHES = st.none() | st.from_regex(r"[a-zäß][a-zäß0-9-]{0,60}", fullmatch=True)
USAGES = st.builds(
    Usage,
    input_tokens=COUNTS,
    cache_read_tokens=COUNTS,
    cache_write_tokens=COUNTS,
    output_tokens=COUNTS,
    reasoning_tokens=COUNTS,
    cost_usd=COSTS,
    model=WORDS,
)
GIT = st.builds(
    GitFacts,
    branch=BRANCHES,
    commit=st.none() | st.from_regex(r"[0-9a-f]{40}", fullmatch=True),
    base_branch=BRANCHES,
    base_commit=st.none() | st.from_regex(r"[0-9a-f]{40}", fullmatch=True),
    pushed=st.none() | st.booleans(),
    pull_requests=st.lists(
        st.from_regex(r"https://[a-z]{1,9}\.com/[a-z]{1,9}/pull/[0-9]{1,4}", fullmatch=True), max_size=5, unique=True
    ).map(tuple),
)
TEXT = st.text(st.characters(blacklist_categories=("Cs",)))
OUTCOMES = st.builds(
    Outcome,
    reason=st.none() | st.sampled_from(Reason),
    message=TEXT.map(lambda text: text[:150]),
    exit_code=st.none() | st.integers(0, 255),
    git=GIT,
    usage=USAGES,
    response=st.none() | TEXT.filter(bool).map(lambda text: text[:100]),
    session_id=WORDS,
).map(lambda outcome: replace(outcome, lines=lines_of(outcome)))
LEAST = 12 * 1024 // 18  # two containers of ours and sixteen of others
ANY_JSON = st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
WILD = st.builds(
    Outcome,
    reason=st.none() | st.sampled_from(Reason),
    message=st.text(max_size=3000),
    exit_code=st.none() | st.integers(),
    git=st.builds(
        GitFacts,
        branch=st.none() | st.text(max_size=600),
        commit=st.none() | st.text(),
        base_branch=st.none() | st.text(max_size=600),
        pull_requests=st.lists(st.text(max_size=400), max_size=30).map(tuple),
    ),
    usage=st.builds(Usage, input_tokens=st.none() | st.integers(), cost_usd=st.none() | st.text(), model=st.text()),
    response=st.none() | st.text() | st.integers(1, 20_000).map(lambda n: '"\x01ä' * n),
    session_id=st.none() | st.text(max_size=400),
)


@settings(deadline=None)
@given(outcome=OUTCOMES)
def test_a_document_brings_back_what_went_in(outcome):
    """The controller decides by it."""
    expected = replace(outcome, message=one_line(outcome.message))

    assert expected == decode_document(encode_document(outcome).decode())


@settings(deadline=None, max_examples=300)
@given(outcome=WILD)
def test_a_document_always_fits(outcome):
    """Kubernetes cuts at 4096 bytes, and half a document says nothing."""
    document = encode_document(outcome)
    read = decode_document(document.decode())

    assert len(document) <= LIMIT_BYTES
    assert outcome.reason is read.reason


@settings(deadline=None)
@given(
    text=st.text()
    | st.recursive(st.none() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(json.dumps)
)
def test_no_text_breaks_the_decoder(text):
    """Foreign images write what they like into their termination message."""
    assert decode_document(text) is None


@pytest.mark.parametrize("member", ["reason", "message", "exitCode", "git", "usage", "session", "response", "sha256"])
@pytest.mark.parametrize(
    "value", [None, 1, -1, True, "x", "\ud800", [], [1], {"branch": 1, "prs": [1], "input": "x"}, 1e9]
)
def test_no_value_breaks_the_decoder(member, value):
    """The agent runs as the same user and may write the file as well."""
    read = decode_document(json.dumps({"kelos": 1, "isCut": True, member: value}))

    encode_document(read)


def test_an_unknown_reason_is_still_a_failure():
    """A newer runner may know more words than this reader."""
    assert Reason.AGENT_ERROR is decode_document('{"kelos":1,"reason":"SomethingNew"}').reason


def test_a_cut_response_is_completed_from_the_log():
    """4096 bytes are not enough for an answer; the log has it, and the document vouches for it."""
    outcome = Outcome(response="é" * 5000)
    document = decode_document(encode_document(outcome).decode())
    joined = join(document, read_log(marker_block(outcome)))

    assert document.response_is_cut
    assert document.response.endswith("…")
    assert (outcome.response, False) == (joined.response, joined.response_is_cut)
    assert lines_of(joined) == joined.lines


def test_a_response_over_the_limit_stays_marked():
    """64 KiB of it are kept, and people see that there was more."""
    outcome = Outcome(response="x" * 200_000)
    joined = join(decode_document(encode_document(outcome).decode()), read_log(marker_block(outcome)))

    assert ("x" * 65_536, True) == (joined.response, joined.response_is_cut)


def test_a_forged_response_in_the_log_is_not_taken():
    """The agent writes to the same log."""
    document = decode_document(encode_document(Outcome(response="x" * 9000)).decode())
    forged = read_log(marker_block(Outcome(response="y" * 9000, git=GitFacts(branch="evil"))))

    assert document == join(document, forged)


def test_a_whole_document_needs_no_log():
    document = decode_document(encode_document(Outcome(response="short")).decode())

    assert document == join(document, read_log(marker_block(Outcome(response="other"))))


def test_a_message_cannot_drive_a_terminal():
    """The file is the agent's to write too, and the message goes into status, events and tables."""
    forged = json.dumps({"kelos": 1, "reason": "AgentError", "message": "a\x1b[2Jb\r\nc\x9b31m\td\u2028e"})

    assert "a [2Jb  c 31m\td e" == decode_document(forged).message


@given(WILD, st.integers(LEAST, LIMIT_BYTES))
@settings(deadline=None)
def test_it_fits_into_what_many_containers_leave(outcome, limit):
    """A document that the kubelet cuts is no document: the reason of a failure would be lost."""
    data = encode_document(outcome, limit)

    found = decode_document(data.decode())
    assert len(data) <= limit
    assert found is not None
    assert outcome.reason is found.reason


def test_what_matters_less_goes_first():
    git = GitFacts(branch="b" * 130, commit="c" * 40, base_branch="d" * 130)
    usage = Usage(input_tokens=7, model="m" * 100)
    outcome = Outcome(reason=Reason.AGENT_ERROR, message="m" * 900, git=git, usage=usage, session_id="s")

    found = decode_document(encode_document(outcome, LEAST).decode())

    assert found is not None
    assert (Reason.AGENT_ERROR, True) == (found.reason, found.message.startswith("mmm"))
    assert ("b" * 130, None, None) == (found.git.branch, found.session_id, found.usage.input_tokens)


@given(OUTCOMES, st.integers(1, 60))
@settings(deadline=None)
def test_an_end_that_a_node_cut_off_costs_the_response_only(outcome, lost):
    """A service mesh adds containers that nobody told us of, and they take their share of the room."""
    outcome = replace(outcome, response="r" * 60, message=f'{outcome.message},"response":"')
    whole = encode_document(outcome).decode()

    found = decode_document(whole[:-lost])

    assert found is not None
    assert (outcome.reason, outcome.git, outcome.usage) == (found.reason, found.git, found.usage)
    assert (None, True) == (found.response, found.response_is_cut)


def test_the_log_still_completes_a_response_that_was_cut_twice():
    """The hash stands before it."""
    outcome = Outcome(response="long " * 2000)
    told = read_log(marker_block(outcome))
    cut = encode_document(outcome).decode()[:3072]

    document = decode_document(cut)

    assert document is not None
    assert told is not None
    assert outcome.response == join(document, told).response
