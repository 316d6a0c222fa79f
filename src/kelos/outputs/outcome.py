"""One outcome from two tellers: the document decides, the log may only complete the response."""

from __future__ import annotations

from dataclasses import replace

from kelos.api.outcome import Outcome
from kelos.outputs import response
from kelos.outputs.markers import lines_of


def join(document: Outcome, log: Outcome) -> Outcome:
    """The document, with the log's longer copy of the response when the document vouches for it."""
    if document.response_sha256 is None or log.response is None:
        return document
    if response.fingerprint(log.response) != document.response_sha256:
        return document
    joined = replace(
        document, response=log.response, response_is_cut=log.response_is_cut, response_sha256=None, lines=()
    )
    return replace(joined, lines=lines_of(joined))
