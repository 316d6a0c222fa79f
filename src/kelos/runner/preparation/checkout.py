"""The checkout: branch tips of the repository at depth 1, the wanted ref, and the branch to work on.

nothing there ──init──▶ configured ──fetch──▶ tips ──checkout ref──▶ ──branch──▶ ──submodules, LFS──▶ ready
a checkout of the same repository, half done or left by an earlier Task, takes the same way from `configured` on
"""

from __future__ import annotations

import os
from pathlib import Path

from kelos.api.reasons import Reason
from kelos.runner.failure import Failure
from kelos.runner.files import remove
from kelos.runner.git import Result, git
from kelos.runner.preparation.complaints import broken_submodule, complaint
from kelos.runner.preparation.helper import as_arguments, helper_settings
from kelos.runner.preparation.refs import Choice, Listing, RefKind, choose, read_listing
from kelos.runner.preparation.request import PrepareRequest

FETCH_SECONDS = 3600.0
SUBMODULE = "160000 "  # how git lists one
LOCAL_SECONDS = 600.0
# A transfer that stands still for two minutes is over.
STALLED = ("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=120")
# What makes git run programs, read elsewhere, hide changes or be in the middle of something. An earlier agent may have
# written it; all we need is made anew.
POWERS = (
    *("config", "config.worktree", "commondir", "hooks", "info", "modules", "worktrees", "index", "HEAD"),
    *("objects/info/alternates", "objects/info/http-alternates", "refs/replace"),
)
HALF_DONE = ("rebase-merge", "rebase-apply", "BISECT_LOG", "BISECT_START")  # merges and picks end with `reset`
LOCKS = ("index.lock", "HEAD.lock", "config.lock", "shallow.lock", "packed-refs.lock", "gc.pid", "gc.pid.lock")


def check_out(request: PrepareRequest) -> None:
    """Bring the checkout to where the Task starts. Raises Failure naming the repository."""
    checkout = Checkout(request)
    is_new = checkout.open()
    checkout.configure()
    listing = checkout.ask_origin()
    choice = checkout.choose(listing)
    checkout.fetch(choice, is_new=is_new)
    checkout.start_at(choice, listing, is_new=is_new)
    if request.branch:
        checkout.switch_to(request.branch, listing)
    checkout.complete()


class Checkout:
    """The deeds, in the order in which `check_out` calls them."""

    def __init__(self, request: PrepareRequest) -> None:
        self._request = request
        self._folder = request.directory

    def open(self) -> bool:
        """Make the repository; True when it was not there yet."""
        folder = Path(self._folder)
        inside = folder / ".git"
        is_new = inside.is_symlink() or not inside.is_dir()
        if is_new and folder.is_dir() and any(folder.iterdir()):
            raise Failure(
                Reason.CLONE_FAILED, f"Folder '{folder}' is not empty and holds no checkout; empty the volume"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not is_new:
            for name in (*LOCKS, *POWERS, *HALF_DONE):  # locks are of a run that was killed; nobody else works here
                remove(inside / name)
        self._result(git("init", "--quiet", "--", self._folder, seconds=LOCAL_SECONDS), "making the checkout")
        if not is_new:
            self._forget_replacements()
        return is_new

    def configure(self) -> None:
        """Origin, remotes, identity and the credential helper; no token is written anywhere."""
        request = self._request
        for name, url in (("origin", request.repo), *request.remotes):
            known = self._git("config", "--get", f"remote.{name}.url").is_good
            self._must("remote", "set-url" if known else "add", "--", name, url)
        self._write_settings("--local")

    def ask_origin(self) -> Listing:
        result = self._git("ls-remote", "--quiet", "--symref", "origin", seconds=FETCH_SECONDS)
        self._result(result, "listing its branches")
        return read_listing(result.out)

    def choose(self, listing: Listing) -> Choice:
        choice = choose(self._request.ref, listing)
        if choice is None:
            raise Failure(Reason.CLONE_FAILED, self._no_ref())
        return choice

    def fetch(self, choice: Choice, *, is_new: bool) -> None:
        if choice.kind is RefKind.NOTHING:
            return
        # A shallow fetch into a checkout with work in it would cut what the branches have in common.
        is_shallow = Path(self._folder, ".git", "shallow").is_file()
        whole = choice.is_whole_history_needed
        depth = ["--depth=1"] if is_new and not whole else ["--unshallow"] if is_shallow and whole else []
        refspecs = ("+refs/heads/*:refs/remotes/origin/*", *choice.refspecs)
        arguments = ("fetch", "--quiet", "--no-tags", "--prune", "--force", *depth, "origin", *refspecs)
        result = self._git(*arguments, seconds=FETCH_SECONDS)
        if not result.is_good and choice.kind is RefKind.COMMIT and _is_about_the_ref(result):
            raise Failure(Reason.CLONE_FAILED, self._no_ref())
        self._result(result, "fetching")

    def start_at(self, choice: Choice, listing: Listing, *, is_new: bool) -> None:
        """Check the ref out. What an earlier Task left uncommitted goes; ignored files, such as caches, stay."""
        if listing.has_branch(listing.default_branch):
            self._git("remote", "set-head", "origin", listing.default_branch)
        if choice.kind is RefKind.NOTHING:
            return
        if self._git("rev-parse", "--quiet", "--verify", f"{choice.revision}^{{commit}}").code != 0:
            raise Failure(Reason.CLONE_FAILED, self._no_ref())
        if not is_new:
            self._must("update-ref", "--no-deref", "HEAD", f"{choice.revision}^{{commit}}")
            self._must("reset", "--quiet", "--hard")
            self._forget_submodules()
            for _ in range(2):  # the first takes a .gitignore of an earlier agent away, the second what that had hidden
                self._must("clean", "--quiet", "-ffd")
        if choice.kind is not RefKind.BRANCH:
            self._must("checkout", "--quiet", "--force", "--detach", choice.revision)
        elif is_new or self._request.branch in ("", choice.name):
            self._follow_origin(choice.name)
        else:
            self._start_beside(choice)

    def switch_to(self, branch: str, listing: Listing) -> None:
        """Work on the Task's branch: origin's when it has it, else the local one, else a new one from here."""
        if listing.has_branch(branch):
            self._follow_origin(branch)
        elif self._has(f"refs/heads/{branch}"):
            self._must("checkout", "--quiet", branch, "--")
        elif self._has("HEAD"):
            self._must("checkout", "--quiet", "-b", branch)
        else:
            self._must("symbolic-ref", "HEAD", f"refs/heads/{branch}")

    def complete(self) -> None:
        """Submodules and large files, when the Workspace asks for them."""
        if self._request.submodules:
            self._forget_submodules()
            words = ("submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")
            result = self._git(*as_arguments(self._credentials()), *words, seconds=FETCH_SECONDS)
            if not result.is_good:
                secret = f"{self._request.secret}, whose token only the Workspace's own host is given"
                repo = broken_submodule(result) or self._request.shown_repo
                raise complaint(result, repo, "fetching submodules", secret=secret)
            for head in Path(self._folder, ".git", "modules").rglob("HEAD"):  # none inherits from the checkout
                if (head.parent / "objects").is_dir():
                    self._write_settings("--file", os.path.abspath(head.with_name("config")))
        if self._request.lfs:
            if not self._git("lfs", "version").is_good:
                raise Failure(
                    Reason.CLONE_FAILED,
                    f"Repository '{self._request.shown_repo}': the Workspace asks for LFS and this image has no "
                    "git-lfs; use a runner image with git-lfs or unset spec.lfs",
                )
            self._must("lfs", "install", "--local", "--skip-repo")
            self._result(self._git("lfs", "pull", seconds=FETCH_SECONDS), "fetching large files")

    def _credentials(self) -> list[tuple[str, str]]:
        return helper_settings(self._request.repo) if self._request.has_token else [("credential.helper", "")]

    def _write_settings(self, *where: str) -> None:
        """Identity and credential helper into one of git's configurations."""
        request = self._request
        # Helpers are a list: what an earlier Task left goes first.
        self._git("config", *where, "--unset-all", "credential.helper")
        for name, value in (
            *(("user.name", request.user_name), ("user.email", request.user_email)),
            *self._credentials(),
        ):
            how = "--add" if name == "credential.helper" else "--replace-all"
            self._must("config", *where, how, name, value)

    def _forget_replacements(self) -> None:
        """Objects in place of others would make the checkout look like what origin never had."""
        listed = self._git("for-each-ref", "--format=delete %(refname)", "refs/replace")
        if listed.is_good and listed.out:
            self._result(self._git("update-ref", "--stdin", text=listed.out), "git update-ref")

    def _forget_submodules(self) -> None:
        """Empty their folders: each has a configuration of its own, which an earlier agent may have written."""
        root = Path(os.path.realpath(self._folder))
        listed = self._git("ls-files", "--stage", "-z").out.split("\0")
        for path in (entry.partition("\t")[2] for entry in listed if entry.startswith(SUBMODULE)):
            if root in Path(os.path.realpath((root / path).parent)).joinpath("x").parents:
                remove(root / path)

    def _start_beside(self, choice: Choice) -> None:
        """For a branch of its own: what earlier Tasks left unpushed on the ref's branch stays there."""
        self._must("checkout", "--quiet", "--force", "--detach", choice.revision)
        if self._git("merge-base", "--is-ancestor", f"refs/heads/{choice.name}", choice.revision).is_good:
            self._must("branch", "--quiet", "--force", choice.name, choice.revision)

    def _follow_origin(self, branch: str) -> None:
        remote = f"refs/remotes/origin/{branch}"
        if not self._has(f"refs/heads/{branch}"):
            self._must("checkout", "--quiet", "--force", "-b", branch, "--track", remote)
            return
        self._must("checkout", "--quiet", "--force", branch, "--")
        self._must("branch", "--quiet", f"--set-upstream-to={remote}", branch)
        if not self._git("merge", "--quiet", "--ff-only", remote).is_good:
            raise Failure(
                Reason.CLONE_FAILED,
                f"Branch '{branch}' of repository '{self._request.shown_repo}' cannot be fast-forwarded: the checkout "
                "has commits that origin has not. Push or drop them, or use another branch",
            )

    def _has(self, revision: str) -> bool:
        return self._git("rev-parse", "--quiet", "--verify", revision).is_good

    def _must(self, *arguments: str) -> None:
        self._result(self._git(*arguments), f"git {arguments[0]}")

    def _result(self, result: Result, doing: str) -> None:
        if not result.is_good:
            request = self._request
            raise complaint(result, request.shown_repo, doing, secret=request.secret, remedy=request.remedy)

    def _git(self, *arguments: str, seconds: float = LOCAL_SECONDS, text: str = "") -> Result:
        return git(*STALLED, *arguments, cwd=os.path.abspath(self._folder), seconds=seconds, text=text)

    def _no_ref(self) -> str:
        request = self._request
        wanted = f"ref '{request.ref}'" if request.ref else "a default branch"
        remedy = f"set {request.ref_setting} to a branch, tag or commit of it"
        return f"Repository '{request.shown_repo}' has no {wanted}: {remedy}"


def _is_about_the_ref(result: Result) -> bool:
    return any(words in result.err for words in ("not our ref", "couldn't find remote ref", "no such remote ref"))
