"""What the checkout looks like after the run: branch, commit, whether it is pushed, where it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kelos.api.outcome import GitFacts
from kelos.outputs import values
from kelos.runner.execution.pull_requests import Head, find_pull_requests, head_repository
from kelos.runner.git import git

CALL_SECONDS = 30.0
LOCAL_SECONDS = 10.0
ORIGIN = "refs/remotes/origin/"


def head_commit(workdir: str) -> str | None:
    """Where the checkout stands; None when there is none."""
    return values.commit(_asker(workdir)("rev-parse", "--quiet", "--verify", "HEAD"))


def read_local_facts(workdir: str, *, base: str, base_commit: str | None) -> GitFacts:
    """What the checkout itself knows; nothing when there is no checkout."""
    ask = _asker(workdir)
    if ask("rev-parse", "--is-inside-work-tree") != "true":
        return GitFacts()
    default = ask("symbolic-ref", "--quiet", f"{ORIGIN}HEAD").removeprefix(ORIGIN)
    # The ref of the Task or the Workspace may be a tag or a commit; no pull request can have such a base.
    is_branch = bool(base) and ask("rev-parse", "--quiet", "--verify", f"{ORIGIN}{base}^{{commit}}") != ""
    return GitFacts(
        branch=values.branch(ask("branch", "--show-current")),
        commit=head_commit(workdir),
        base_branch=values.branch(base if is_branch else default),
        base_commit=base_commit,
    )


def add_remote_facts(facts: GitFacts, workdir: str, *, upstream: str) -> GitFacts:
    """The same, and what origin and `gh` know about the branch."""
    origin = _asker(workdir)("config", "--get", "remote.origin.url")
    if not (facts.branch and facts.commit and origin):
        return facts
    listing = git("ls-remote", "--quiet", "origin", f"refs/heads/{facts.branch}", cwd=workdir, seconds=CALL_SECONDS)
    remote = _remote_commit(listing.out, facts.branch)
    facts = replace(facts, pushed=remote == facts.commit if listing.is_good else None)
    repository = head_repository(origin)
    if repository is None or not remote:
        return facts
    head = Head(repository=repository, branch=facts.branch or "", commits=frozenset({facts.commit or "", remote}))
    return replace(facts, pull_requests=find_pull_requests(head, upstream, cwd=workdir, seconds=CALL_SECONDS))


def _asker(workdir: str) -> Callable[..., str]:
    def ask(*arguments: str) -> str:
        result = git(*arguments, cwd=workdir, seconds=LOCAL_SECONDS)
        return result.out.strip() if result.is_good else ""

    return ask


def _remote_commit(listing: str, branch: str) -> str:
    """`ls-remote` also lists branches whose name merely ends like this one."""
    for line in listing.splitlines():
        commit, _, name = line.partition("\t")
        if name == f"refs/heads/{branch}":
            return commit
    return ""
