"""What the checkout looks like after the run: branch, commit, whether it is pushed, where it came from."""

from __future__ import annotations

from kelos.api.outcome import GitFacts
from kelos.outputs import values
from kelos.runner.execution.pull_requests import Head, find_pull_requests, head_repository
from kelos.runner.git import git

CALL_SECONDS = 30.0
HURRIED_SECONDS = 3.0


def read_git_facts(workdir: str, *, base: str, upstream: str, is_hurried: bool) -> GitFacts:
    """The facts, as far as they can be had; a run that is being cancelled asks nobody on the network."""
    seconds = HURRIED_SECONDS if is_hurried else CALL_SECONDS

    def ask(*arguments: str) -> str:
        result = git(*arguments, cwd=workdir, seconds=seconds)
        return result.out.strip() if result.is_good else ""

    if ask("rev-parse", "--is-inside-work-tree") != "true":
        return GitFacts()
    branch = values.branch(ask("branch", "--show-current"))
    commit = values.commit(ask("rev-parse", "--quiet", "--verify", "HEAD"))
    origin = ask("config", "--get", "remote.origin.url")
    base_branch = _base(base, ask("for-each-ref", "--format=%(refname)", "refs/remotes/origin"), _head(ask))
    if is_hurried or not (branch and commit and origin):
        return GitFacts(branch=branch, commit=commit, base_branch=base_branch)
    listing = git("ls-remote", "--quiet", "origin", f"refs/heads/{branch}", cwd=workdir, seconds=seconds)
    remote = _remote_commit(listing.out, branch)
    repository = head_repository(origin)
    prs: tuple[str, ...] = ()
    if repository is not None:
        head = Head(repository=repository, branch=branch, commits=frozenset({commit, remote} - {""}))
        prs = find_pull_requests(head, upstream, cwd=workdir, seconds=seconds)
    return GitFacts(
        branch=branch,
        commit=commit,
        base_branch=base_branch,
        pushed=remote == commit if listing.is_good else None,
        pull_requests=prs,
    )


def _head(ask: object) -> str:
    assert callable(ask)
    return str(ask("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")).removeprefix("refs/remotes/origin/")


def _base(wanted: str, refs: str, default: str) -> str | None:
    """The branch that the Workspace's ref names; a tag or a commit is none, then it is origin's default branch."""
    if wanted and f"refs/remotes/origin/{wanted}" in refs.split("\n"):
        return values.branch(wanted)
    return values.branch(default)


def _remote_commit(listing: str, branch: str) -> str:
    """`ls-remote` also lists branches whose name merely ends like this one."""
    for line in listing.splitlines():
        commit, _, name = line.partition("\t")
        if name == f"refs/heads/{branch}":
            return commit
    return ""
