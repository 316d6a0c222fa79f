"""What git's error text means for the person who wrote the Workspace."""

from __future__ import annotations

import re

from kelos.api.reasons import Reason
from kelos.runner.failure import Failure
from kelos.runner.git import TIMED_OUT, Result, without_user_info

_REFUSED = re.compile(
    r"(?i)authentication failed|could not read (?:username|password)|terminal prompts disabled|invalid credentials"
    r"|requested url returned error: (?:401|403)|permission denied \(|host key verification failed"
)
_SUBMODULE = re.compile(r"clone of '([^'\n]+)' into submodule")
_NO_KEY = re.compile(r"(?i)permission denied \(|host key verification failed|cannot run ssh|unable to fork")
_MISSING = re.compile(r"(?i)repository .*not found|requested url returned error: 404|does not appear to be a git repo")
_UNREACHABLE = re.compile(
    r"(?i)could not resolve host|connection (?:refused|reset|timed out)|failed to connect|couldn't connect"
    r"|network is unreachable|operation timed out|no route to host|ssl|certificate|early eof|hung up|empty reply"
)


def complaint(result: Result, repo: str, doing: str, *, secret: str, remedy: str = "") -> Failure:
    """A sentence that names the repository and what to do; `secret` is the one that its credentials come from.

    `remedy` is what may help when git's own words are all there is.
    """
    said = result.err
    if not repo.startswith("http") and _NO_KEY.search(said):
        words = f"'{repo}' wants an SSH key, and Tasks have none: use its https address and a token in a Secret"
    elif _REFUSED.search(said):
        words = f"'{repo}' refused the credentials: check {secret}"
    elif _MISSING.search(said):
        words = f"'{repo}' was not found: check the Workspace's repo, and that its secretRef gives access"
    elif _UNREACHABLE.search(said) or result.code == TIMED_OUT:
        words = f"'{repo}' cannot be reached ({_last(said)}): check the Workspace's repo and the network"
    else:
        words = f"'{repo}': {doing} failed: {_last(said)}{f'. {remedy}' if remedy else ''}"
    return Failure(Reason.CLONE_FAILED, f"Repository {words}")


def broken_submodule(result: Result) -> str:
    """The address of the submodule that git could not clone; empty when it was none."""
    found = _SUBMODULE.search(result.err)
    return without_user_info(found[1]) if found else ""


def _last(said: str) -> str:
    lines = [line.strip() for line in without_user_info(said).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    word = telling[-1] if telling else "git did not say why"
    return re.sub(r"[\x00-\x1f\x7f]", "?", word.removeprefix("fatal: ").removeprefix("error: "))[:300].rstrip(".")
