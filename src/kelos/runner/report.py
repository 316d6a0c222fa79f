"""The runner's last words: the marker block on stdout, then the document in the termination log."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace

from kelos.api import names
from kelos.api.outcome import Outcome
from kelos.outputs.document import LIMIT_BYTES, encode_document
from kelos.outputs.markers import marker_block
from kelos.runner.failure import Failure
from kelos.runner.redaction import redact


def note(text: str) -> None:
    """One line on stderr about what the runner does."""
    print(f"kelos: {text}", file=sys.stderr, flush=True)


def failed(failure: Failure) -> Outcome:
    """The outcome of a run that never came to an agent."""
    return Outcome(reason=failure.reason, message=str(failure), exit_code=failure.exit_code)


def without_secrets(outcome: Outcome, secrets: Iterable[str]) -> Outcome:
    """The outcome as others may read it."""
    secrets = tuple(secrets)
    return replace(
        outcome,
        message=redact(outcome.message, secrets),
        response=None if outcome.response is None else redact(outcome.response, secrets),
    )


def write_block(outcome: Outcome) -> None:
    """Print the marker block. A closed stdout changes nothing: the document is what counts."""
    write_all(sys.stdout.fileno(), marker_block(outcome).encode("utf-8", "replace"))


def write_document(outcome: Outcome, env: Mapping[str, str]) -> None:
    """Write the document in one go to where the environment says; whatever the agent left in the file goes."""
    path, room = env.get(names.ENV_TERMINATION_LOG, ""), env.get(names.ENV_TERMINATION_LIMIT, "")
    if not path:
        return
    limit = int(room) if room.isascii() and room.isdigit() and len(room) < 6 else LIMIT_BYTES
    try:
        # The kubelet mounts this file by itself, so there is no renaming over it. An agent may have put a link or a
        # pipe in its place: the one is not followed, the other not waited for.
        how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, how, 0o644)
        try:
            os.write(descriptor, encode_document(outcome, min(limit, LIMIT_BYTES)))
        finally:
            os.close(descriptor)
    except OSError as error:
        note(f"cannot write the outcome to '{path}': {error.strerror}")


def write_all(descriptor: int, data: bytes) -> bool:
    """Write everything; False when nobody reads any more."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        return False
    return True
