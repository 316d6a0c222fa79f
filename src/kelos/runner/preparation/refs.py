"""Which of a repository's refs is meant: a pure choice from what the remote lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from kelos.api.checks import is_branch_name

_FULL_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHORT_HASH = re.compile(r"[0-9a-f]{7,39}")
_HEADS, _TAGS = "refs/heads/", "refs/tags/"


class RefKind(str, Enum):
    NOTHING = "nothing"  # an empty repository
    BRANCH = "branch"
    TAG = "tag"
    COMMIT = "commit"
    SHORT_COMMIT = "short commit"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Refs by full name, and the branch that HEAD points to, "" when there is none."""

    refs: Mapping[str, str]
    default_branch: str = ""

    def has_branch(self, name: str) -> bool:
        return f"{_HEADS}{name}" in self.refs


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """`name` is a branch or tag without prefix, a hash, or a full ref name."""

    kind: RefKind
    name: str = ""

    @property
    def is_whole_history_needed(self) -> bool:
        """A shortened hash can only be looked up among all commits."""
        return self.kind is RefKind.SHORT_COMMIT

    @property
    def refspecs(self) -> tuple[str, ...]:
        """What to fetch for it beside the branch tips."""
        if self.kind is RefKind.TAG:
            return (f"+{_TAGS}{self.name}:{_TAGS}{self.name}",)
        if self.kind in (RefKind.COMMIT, RefKind.OTHER):
            return (f"+{self.name}:refs/kelos/start",)
        return (f"+{_TAGS}*:{_TAGS}*",) if self.kind is RefKind.SHORT_COMMIT else ()

    @property
    def revision(self) -> str:
        """How git knows it after the fetch."""
        return {
            RefKind.BRANCH: f"refs/remotes/origin/{self.name}",
            RefKind.TAG: f"{_TAGS}{self.name}",
            RefKind.SHORT_COMMIT: self.name,
        }.get(self.kind, "refs/kelos/start")


def read_listing(text: str) -> Listing:
    """The output of `git ls-remote --symref`. Branches whose names git itself would not make are left out."""
    refs: dict[str, str] = {}
    default = ""
    for line in text.split("\n"):
        value, _, name = line.partition("\t")
        if value.startswith("ref: ") and name == "HEAD":
            default = value[len("ref: ") :].removeprefix(_HEADS)
        elif name and not name.endswith("^{}") and _is_plain(name):
            refs[name] = value
    return Listing(refs=refs, default_branch=default)


def _is_plain(name: str) -> bool:
    """Whether it cannot be taken for an option or a pattern; the server may send any name."""
    return is_branch_name(name.removeprefix(_HEADS)) if name.startswith(_HEADS) else True


def choose(ref: str, listing: Listing) -> Choice | None:
    """What `ref` means there; a branch goes before a tag, a name before a hash. None when it means nothing."""
    if not ref:
        return _default(listing)
    if ref.startswith("refs/"):
        if ref.startswith(_HEADS):
            return _branch(ref[len(_HEADS) :], listing)
        if ref.startswith(_TAGS):
            return _tag(ref[len(_TAGS) :], listing)
        return Choice(kind=RefKind.OTHER, name=ref) if ref in listing.refs else None
    if (found := _branch(ref, listing) or _tag(ref, listing)) is not None:
        return found
    if _FULL_HASH.fullmatch(ref):
        return Choice(kind=RefKind.COMMIT, name=ref)
    return Choice(kind=RefKind.SHORT_COMMIT, name=ref) if _SHORT_HASH.fullmatch(ref) else None


def _default(listing: Listing) -> Choice | None:
    if listing.default_branch and listing.has_branch(listing.default_branch):
        return Choice(kind=RefKind.BRANCH, name=listing.default_branch)
    if head := listing.refs.get("HEAD"):
        return Choice(kind=RefKind.COMMIT, name=head)
    return Choice(kind=RefKind.NOTHING) if not listing.refs else None


def _branch(name: str, listing: Listing) -> Choice | None:
    return Choice(kind=RefKind.BRANCH, name=name) if listing.has_branch(name) else None


def _tag(name: str, listing: Listing) -> Choice | None:
    return Choice(kind=RefKind.TAG, name=name) if f"{_TAGS}{name}" in listing.refs else None
