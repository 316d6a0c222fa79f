"""Which ref of a repository a Workspace means."""

import pytest

from kelos.runner.preparation.refs import Choice, RefKind, choose, read_listing

HASH = "0123456789abcdef0123456789abcdef01234567"
LISTING = read_listing(
    f"ref: refs/heads/main\tHEAD\n{HASH}\tHEAD\n{HASH}\trefs/heads/main\n{HASH}\trefs/heads/abcdef1\n"
    f"{HASH}\trefs/heads/v1\n{HASH}\trefs/tags/v1\n{HASH}\trefs/tags/v2\n{HASH}\trefs/tags/v2^{{}}\n"
    f"{HASH}\trefs/pull/7/head\nwarning: noise\n"
)


@pytest.mark.parametrize(
    ("ref", "choice"),
    [
        ("", Choice(kind=RefKind.BRANCH, name="main")),
        ("main", Choice(kind=RefKind.BRANCH, name="main")),
        ("refs/heads/main", Choice(kind=RefKind.BRANCH, name="main")),
        ("v1", Choice(kind=RefKind.BRANCH, name="v1")),
        ("refs/tags/v1", Choice(kind=RefKind.TAG, name="v1")),
        ("v2", Choice(kind=RefKind.TAG, name="v2")),
        ("abcdef1", Choice(kind=RefKind.BRANCH, name="abcdef1")),
        ("abcdef2", Choice(kind=RefKind.SHORT_COMMIT, name="abcdef2")),
        ("f" * 40, Choice(kind=RefKind.COMMIT, name="f" * 40)),
        ("f" * 64, Choice(kind=RefKind.COMMIT, name="f" * 64)),
        ("refs/pull/7/head", Choice(kind=RefKind.OTHER, name="refs/pull/7/head")),
        ("refs/pull/8/head", None),
        ("abcdef", None),
        ("-x", None),
        ("HEAD~1", None),
        ("v2^{}", None),
    ],
)
def test_names_go_before_hashes_and_branches_before_tags(ref, choice):
    """A branch may be called like a hash; nothing that git would compute is accepted."""
    assert choice == choose(ref, LISTING)


def test_a_repository_without_anything_is_empty():
    assert Choice(kind=RefKind.NOTHING) == choose("", read_listing(""))


def test_a_detached_head_is_a_commit():
    assert Choice(kind=RefKind.COMMIT, name=HASH) == choose("", read_listing(f"{HASH}\tHEAD\n{HASH}\trefs/heads/x\n"))


def test_a_default_branch_that_does_not_exist_is_no_choice():
    assert choose("", read_listing(f"ref: refs/heads/gone\tHEAD\n{HASH}\trefs/heads/x\n")) is None


@pytest.mark.parametrize("name", ["-x", "--pathspec-from-file=/etc/passwd", "a..b", "a b", "HEAD"])
def test_a_branch_that_git_would_not_make_is_not_there(name):
    """The server may send any name, and it would stand where git reads options."""
    listing = read_listing(f"ref: refs/heads/{name}\tHEAD\n{'1' * 40}\tHEAD\n{'1' * 40}\trefs/heads/{name}\n")

    assert not listing.has_branch(name)
    assert RefKind.COMMIT is choose("", listing).kind
    assert choose(f"refs/heads/{name}", listing) is None
