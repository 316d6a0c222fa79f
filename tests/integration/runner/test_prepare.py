"""The checkout an agent finds, and what people read when there is none."""

import contextlib
import shutil
import subprocess

import pytest

from fakes.git_server import git
from kelos.api.reasons import Reason


@pytest.fixture
def work(open_host, tmp_path):
    """Somebody else's clone, to push from."""
    folder = tmp_path / "work"
    git("clone", "--quiet", str(open_host.bare("team/app")), str(folder), cwd=tmp_path)
    return folder


def commit(folder, text):
    (folder / "README.md").write_text(text)
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "-m", text, cwd=folder)
    return git("rev-parse", "HEAD", cwd=folder)


def head(pod):
    return git("rev-parse", "HEAD", cwd=pod.checkout)


def branch(pod):
    return git("branch", "--show-current", cwd=pod.checkout)


def test_the_default_branch_at_depth_one(open_host, pod):
    """With all branch tips, an identity to commit with, and where HEAD of origin points."""
    ran = pod.prepare(KELOS_REPO=open_host.url("team/app"))

    assert (0, "") == (ran.exit_code, ran.document)
    assert "main" == branch(pod)
    assert "1" == git("rev-list", "--count", "HEAD", cwd=pod.checkout)
    assert "kelos@users.noreply.github.com" == git("config", "--local", "user.email", cwd=pod.checkout)
    assert "refs/remotes/origin/main" == git("symbolic-ref", "refs/remotes/origin/HEAD", cwd=pod.checkout)


def test_the_identity_of_the_workspace(open_host, pod):
    pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_GIT_USER_NAME="Ada", KELOS_GIT_USER_EMAIL="ada@example.com")

    assert "Ada" == git("config", "--local", "user.name", cwd=pod.checkout)
    assert "ada@example.com" == git("config", "--local", "user.email", cwd=pod.checkout)


@pytest.mark.parametrize("prefix", ["", "refs/heads/"])
def test_a_branch(open_host, work, pod, prefix):
    git("checkout", "--quiet", "-b", "release/1", cwd=work)
    wanted = commit(work, "on the branch")
    git("push", "--quiet", "origin", "release/1", cwd=work)

    assert 0 == pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_REF=f"{prefix}release/1").exit_code
    assert ("release/1", wanted) == (branch(pod), head(pod))


def test_a_tag(open_host, work, pod):
    wanted = git("rev-parse", "HEAD~1", cwd=work)
    git("tag", "-a", "-m", "one", "v1", wanted, cwd=work)
    git("push", "--quiet", "origin", "v1", cwd=work)

    assert 0 == pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_REF="v1").exit_code
    assert ("", wanted) == (branch(pod), head(pod))


@pytest.mark.parametrize("length", [40, 8])
def test_a_commit_long_or_short(open_host, work, pod, length):
    """The reference knows whole hashes only."""
    wanted = git("rev-parse", "HEAD~1", cwd=work)

    assert 0 == pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_REF=wanted[:length]).exit_code
    assert wanted == head(pod)


def test_another_ref_by_its_full_name(open_host, work, pod):
    """The head of a pull request, for one."""
    wanted = commit(work, "proposed")
    git("push", "--quiet", "origin", "HEAD:refs/pull/7/head", cwd=work)

    assert 0 == pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_REF="refs/pull/7/head").exit_code
    assert wanted == head(pod)


def test_an_empty_repository(open_host, pod):
    """The first Task of a project writes its first commit."""
    open_host.create("team/new", commits=0)

    assert 0 == pod.prepare(KELOS_REPO=open_host.url("team/new"), KELOS_BRANCH="main").exit_code
    assert "main" == branch(pod)


def test_a_new_branch_starts_at_the_ref(open_host, work, pod):
    git("checkout", "--quiet", "-b", "base", cwd=work)
    wanted = commit(work, "base")
    git("push", "--quiet", "origin", "base", cwd=work)

    pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_REF="base", KELOS_BRANCH="kelos/new")

    assert ("kelos/new", wanted) == (branch(pod), head(pod))


@pytest.mark.parametrize(
    ("base", "is_kept"),
    [
        *((base, False) for base in ("main", "refs/heads/main", "v1", "hash", "short hash", "refs/pull/7/head")),
        *((base, True) for base in ("main", "v1", "short hash")),
    ],
)
def test_a_branch_starts_at_the_base_of_the_task(open_host, work, pod, base, is_kept):
    """Whatever it is a name of; in a checkout that stays, what an earlier Task worked on is no start for this one."""
    wanted = git("rev-parse", "HEAD~1", cwd=work)
    git("push", "--quiet", "origin", f"{wanted}:refs/pull/7/head", f"{wanted}:refs/tags/v1", cwd=work)
    url = open_host.url("team/app")
    if is_kept:
        git("push", "--quiet", "origin", "main:release", cwd=work)
        assert 0 == pod.prepare(KELOS_REPO=url, KELOS_REF="release", KELOS_BRANCH="kelos/before").exit_code
        commit(pod.checkout, "not pushed")
    if base.endswith("main"):
        wanted = commit(work, "newer")
        git("push", "--quiet", "origin", "main", cwd=work)
    ref = {"hash": wanted, "short hash": wanted[:8]}.get(base, base)

    ran = pod.prepare(KELOS_REPO=url, KELOS_REF=ref, KELOS_REF_FROM="Task", KELOS_BRANCH="kelos/new")

    assert 0 == ran.exit_code, ran.stderr
    assert ("kelos/new", wanted) == (branch(pod), head(pod))


@pytest.mark.parametrize("base", ["release", "v1"])
def test_a_branch_of_origin_goes_before_the_base(open_host, work, pod, base):
    """The second Task of a pipeline says the same base as the first, and goes on where that one pushed."""
    git("push", "--quiet", "origin", "HEAD~1:refs/heads/release", "HEAD~1:refs/tags/v1", cwd=work)
    git("checkout", "--quiet", "-b", "kelos/fix", cwd=work)
    wanted = commit(work, "first step")
    git("push", "--quiet", "origin", "kelos/fix", cwd=work)

    pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_REF=base, KELOS_REF_FROM="Task", KELOS_BRANCH="kelos/fix")

    assert ("kelos/fix", wanted) == (branch(pod), head(pod))


@pytest.mark.parametrize(
    ("ref", "whose", "words"),
    [
        ("nosuch", "", "set the Workspace's ref to"),
        *((ref, "Task", "set the Task's baseRef to") for ref in ("nosuch", "f" * 40, "abcdef1")),
    ],
)
def test_a_ref_that_is_not_there_is_put_right_where_it_was_said(open_host, pod, ref, whose, words):
    """Nobody looks for a mistake of the Task in the Workspace."""
    ran = pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_REF=ref, KELOS_REF_FROM=whose)

    assert (Reason.CLONE_FAILED, 83) == (ran.outcome.reason, ran.exit_code)
    assert f"has no ref '{ref}': {words}" in ran.outcome.message


def test_a_branch_of_origin_is_continued(open_host, work, pod):
    """The second Task of a pipeline goes on where the first one pushed."""
    git("checkout", "--quiet", "-b", "kelos/fix", cwd=work)
    wanted = commit(work, "first step")
    git("push", "--quiet", "origin", "kelos/fix", cwd=work)

    pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_BRANCH="kelos/fix")

    assert ("kelos/fix", wanted) == (branch(pod), head(pod))
    assert "origin/kelos/fix" == git("rev-parse", "--abbrev-ref", "@{upstream}", cwd=pod.checkout)


def test_a_branch_whose_name_ends_like_another_one(open_host, work, pod):
    """git's pattern would find `team/fix` for `fix`."""
    git("push", "--quiet", "origin", "HEAD:refs/heads/team/refs/heads/fix", cwd=work)

    pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_BRANCH="fix")

    assert "fix" == branch(pod)


def test_preparing_again_moves_on(open_host, work, pod):
    """A persistent checkout, or a container that is started twice: leftovers go, caches stay, new commits come."""
    (work / ".gitignore").write_text("cache/\n")
    commit(work, "ignore")
    git("push", "--quiet", "origin", "main", cwd=work)
    pod.prepare(KELOS_REPO=open_host.url("team/app"))
    (pod.checkout / "README.md").write_text("half done")
    (pod.checkout / "junk.txt").write_text("x")
    (pod.checkout / "cache").mkdir()
    (pod.checkout / "cache" / "big").write_text("x")
    (pod.checkout / ".git" / "index.lock").write_text("")
    wanted = commit(work, "newer")
    git("push", "--quiet", "origin", "main", cwd=work)

    ran = pod.prepare(KELOS_REPO=open_host.url("team/app"))

    assert (0, wanted) == (ran.exit_code, head(pod))
    assert "" == git("status", "--porcelain", cwd=pod.checkout)
    assert (pod.checkout / "cache" / "big").exists()


def test_a_branch_that_cannot_be_fast_forwarded(open_host, work, pod):
    """Commits are never thrown away to make it fit."""
    pod.prepare(KELOS_REPO=open_host.url("team/app"))
    commit(pod.checkout, "only here")
    commit(work, "only there")
    git("push", "--quiet", "origin", "main", cwd=work)

    ran = pod.prepare(KELOS_REPO=open_host.url("team/app"))

    assert (83, Reason.CLONE_FAILED) == (ran.exit_code, ran.outcome.reason)
    assert "Branch 'main'" in ran.outcome.message
    assert "cannot be fast-forwarded" in ran.outcome.message


def test_remotes_are_added_and_corrected(open_host, pod):
    remotes = '[{"name": "upstream", "url": "https://example.com/%s.git"}]'
    pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_REMOTES=remotes % "old")
    pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_REMOTES=remotes % "new")

    assert "https://example.com/new.git" == git("remote", "get-url", "upstream", cwd=pod.checkout)


def test_submodules_when_asked(open_host, work, pod):
    open_host.create("team/part")
    git("submodule", "--quiet", "add", open_host.url("team/part"), "part", cwd=work)
    git("commit", "--quiet", "-m", "part", cwd=work)
    git("push", "--quiet", "origin", "main", cwd=work)

    pod.prepare(KELOS_REPO=open_host.url("team/app"))
    assert not (pod.checkout / "part" / "README.md").exists()

    assert 0 == pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_SUBMODULES="1").exit_code
    assert (pod.checkout / "part" / "README.md").exists()


def test_large_files_need_their_program(open_host, pod):
    """Pointers in place of files would be a silent failure."""
    pod.give_program("git-lfs", "import sys; sys.exit(1)\n")

    ran = pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_LFS="1")

    assert Reason.CLONE_FAILED is ran.outcome.reason
    assert "has no git-lfs" in ran.outcome.message


def test_large_files_are_pulled(open_host, pod):
    pod.give_program(
        "git-lfs", f"import sys; open({str(pod.root / 'lfs')!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
    )

    assert 0 == pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_LFS="1").exit_code
    assert "version\ninstall --local --skip-repo\npull\n" == (pod.root / "lfs").read_text()


@pytest.mark.parametrize(
    ("env", "reason", "words"),
    [
        ({"KELOS_REPO": "http://127.0.0.1:1/team/app.git"}, Reason.CLONE_FAILED, "cannot be reached"),
        ({"KELOS_REPO": "{host}/team/none.git"}, Reason.CLONE_FAILED, "was not found"),
        ({"KELOS_REF": "nosuch"}, Reason.CLONE_FAILED, "has no ref 'nosuch'"),
        ({"KELOS_REF": "f" * 40}, Reason.CLONE_FAILED, f"has no ref '{'f' * 40}'"),
        ({"KELOS_REF": "abcdef1"}, Reason.CLONE_FAILED, "has no ref 'abcdef1'"),
        ({"KELOS_REF": "--upload-pack=touch x"}, Reason.CLONE_FAILED, "has no ref '--upload-pack=touch x'"),
        ({"KELOS_REF": "a\nb"}, Reason.INVALID_SPEC, "Ref 'a?b'"),
        ({"KELOS_BRANCH": "-x"}, Reason.INVALID_SPEC, "Branch '-x'"),
        ({"KELOS_BRANCH": "a..b"}, Reason.INVALID_SPEC, "Branch 'a..b'"),
        ({"KELOS_REPO": "ext::sh -c id"}, Reason.INVALID_SPEC, "is no address"),
        ({"KELOS_REPO": "file:///etc"}, Reason.INVALID_SPEC, "is no address"),
        ({"KELOS_REPO": "/etc"}, Reason.INVALID_SPEC, "is no address"),
        ({"KELOS_REPO": "--upload-pack=x"}, Reason.INVALID_SPEC, "is no address"),
        ({"KELOS_REPO": "ssh://-oProxyCommand=x/y"}, Reason.INVALID_SPEC, "is no address"),
        ({"KELOS_REMOTES": '[{"name": "--x", "url": "https://a/b"}]'}, Reason.INVALID_SPEC, "'--x' is no name"),
        ({"KELOS_REMOTES": '[{"name": "up", "url": "file:///x"}]'}, Reason.INVALID_SPEC, "remote 'up'"),
        ({"KELOS_REMOTES": "{"}, Reason.INVALID_SPEC, "KELOS_REMOTES is not JSON"),
    ],
)
def test_a_problem_is_one_sentence_with_its_reason(open_host, pod, env, reason, words):
    """It names the object; nobody has to read a log of git."""
    host = f"http://{open_host.host}"
    ran = pod.prepare(
        **{"KELOS_REPO": open_host.url("team/app")}
        | {name: value.replace("{host}", host) for name, value in env.items()}
    )

    assert reason is ran.outcome.reason
    assert words in ran.outcome.message
    assert ran.outcome.message.isprintable()
    assert ran.outcome.message in ran.stderr
    assert {Reason.CLONE_FAILED: 83, Reason.INVALID_SPEC: 87}[reason] == ran.exit_code == ran.outcome.exit_code


def test_a_folder_with_something_else_in_it_is_left_alone(open_host, pod):
    pod.checkout.mkdir()
    (pod.checkout / "precious").write_text("x")

    ran = pod.prepare(KELOS_REPO=open_host.url("team/app"))

    assert Reason.CLONE_FAILED is ran.outcome.reason
    assert (pod.checkout / "precious").exists()


def test_git_has_tidied_up_before_the_container_ends(open_host, work, pod):
    """In the background it would die with the container: each Task would begin it anew, and none get it done."""
    (pod.home / ".gitconfig").write_text("[gc]\nautoPackLimit = 1\n[fetch]\nunpackLimit = 1\n")
    pod.prepare(KELOS_REPO=open_host.url("team/app"))
    (pod.checkout / ".git" / "gc.pid").write_text("1 the-pod-of-an-earlier-agent")
    commit(work, "newer")
    git("push", "--quiet", "origin", "main", cwd=work)

    ran = pod.prepare(KELOS_REPO=open_host.url("team/app"))

    assert 0 == ran.exit_code
    assert 1 == len(list((pod.checkout / ".git" / "objects" / "pack").glob("*.pack")))
    assert not (pod.checkout / ".git" / "gc.pid").exists()


def test_hooks_of_a_persistent_checkout_do_not_run(open_host, pod):
    """An earlier agent may have left some."""
    pod.prepare(KELOS_REPO=open_host.url("team/app"))
    hook = pod.checkout / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {pod.root}/ran\n")
    hook.chmod(0o755)

    assert 0 == pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_BRANCH="x").exit_code
    assert not (pod.root / "ran").exists()


@pytest.mark.parametrize(
    "setting",
    [
        ("filter.x.smudge", "{program}; cat"),
        ("core.askPass", "{program}"),
        ("core.alternateRefsCommand", "{program}"),
        ("credential.http://{host}.helper", "!{program}"),
        ("core.sshCommand", "{program}"),
        ("core.fsmonitor", "{program}"),
        ("include.path", "{root}/more"),
    ],
    ids=lambda setting: setting[0],
)
def test_settings_of_a_persistent_checkout_run_nothing(host, pod, setting):
    """An earlier agent may have written them; the preparing container holds the next Task's secrets."""
    pod.give_token(host.password)
    assert 0 == pod.prepare(KELOS_REPO=host.url("team/app")).exit_code
    places = {"program": f"touch {pod.root}/ran", "root": str(pod.root), "host": host.host}
    (pod.root / "more").write_text(f'[filter "x"]\n\tsmudge = "{places["program"]}; cat"\n')
    name, value = (text.format(**places) for text in setting)
    git("config", "--local", name, value, cwd=pod.checkout)
    (pod.checkout / ".git/info").mkdir(exist_ok=True)
    (pod.checkout / ".git/info/attributes").write_text("* filter=x\n")
    (pod.checkout / "README.md").unlink()

    assert 0 == pod.prepare(KELOS_REPO=host.url("team/app"), KELOS_BRANCH="x").exit_code
    assert not (pod.root / "ran").exists()
    assert "" == git("status", "--porcelain", cwd=pod.checkout)


def test_a_persistent_checkout_still_knows_where_to_push(open_host, work, pod):
    """Its settings are made anew, and the agent's plain `git push` needs the upstream of its branch."""
    for _ in range(2):
        pod.prepare(KELOS_REPO=open_host.url("team/app"))

    assert "origin/main" == git("rev-parse", "--abbrev-ref", "@{upstream}", cwd=pod.checkout)


@pytest.mark.parametrize("wanted", ["", "1"])
def test_submodules_of_a_persistent_checkout_are_made_anew(open_host, work, pod, wanted):
    """Each has settings of its own, in which an earlier agent may have left a program."""
    open_host.create("team/part")
    git("submodule", "--quiet", "add", open_host.url("team/part"), "part", cwd=work)
    git("commit", "--quiet", "-m", "part", cwd=work)
    git("push", "--quiet", "origin", "main", cwd=work)
    pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_SUBMODULES="1")
    git("config", "filter.x.smudge", f"touch {pod.root}/ran; cat", cwd=pod.checkout / "part")
    attributes = pod.checkout / ".git/modules/part/info/attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text("* filter=x\n")
    git("config", "submodule.part.update", f"!touch {pod.root}/ran", cwd=pod.checkout)
    (pod.checkout / "part/README.md").unlink()

    assert 0 == pod.prepare(KELOS_REPO=open_host.url("team/app"), KELOS_SUBMODULES=wanted).exit_code
    assert not (pod.root / "ran").exists()
    assert bool(wanted) == (pod.checkout / "part/README.md").exists()
    assert "" == git("status", "--porcelain", cwd=pod.checkout)


def test_a_repository_that_is_a_link_is_no_checkout(open_host, pod):
    """What is removed and written in it would be removed and written elsewhere."""
    pod.prepare(KELOS_REPO=open_host.url("team/app"))
    (pod.checkout / ".git").rename(pod.root / "elsewhere")
    (pod.checkout / ".git").symlink_to(pod.root / "elsewhere")

    assert Reason.CLONE_FAILED is pod.prepare(KELOS_REPO=open_host.url("team/app")).outcome.reason


class TestPersistent:
    """What an earlier Task left must neither act on the next one's credentials nor show up in its work."""

    def prepare(self, host, pod, **env):
        ran = pod.prepare(KELOS_REPO=host.url("team/app"), KELOS_TIDY_DIR=str(pod.root / "workspace"), **env)
        assert 0 == ran.exit_code, ran.stderr
        return ran

    def pristine(self, pod):
        """Nothing to commit, nothing untracked, nothing half done."""
        return git("status", "--porcelain", "--ignored", cwd=pod.checkout)

    @pytest.mark.parametrize("name", [".gh-config/config.yml", "CLAUDE.md", ".npmrc", "other/.git/config"])
    def test_nothing_beside_the_checkout_stays(self, open_host, pod, name):
        """Settings of `gh` and instructions in a folder above are read by the next agent's programs."""
        self.prepare(open_host, pod)
        left = pod.root / "workspace" / name
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_text("x")

        self.prepare(open_host, pod)

        assert ["repo"] == [entry.name for entry in (pod.root / "workspace").iterdir()]

    def test_what_belongs_to_the_file_system_stays(self, open_host, pod):
        """A fresh disk has it, and it is nobody's to remove."""
        (pod.root / "workspace" / "lost+found").mkdir()

        self.prepare(open_host, pod)

        assert (pod.root / "workspace" / "lost+found").is_dir()

    @pytest.mark.parametrize("how", ["link", "no git", "git is a link", "head is garbage", "file"])
    def test_a_checkout_that_is_none_any_more_is_made_anew(self, open_host, pod, how):
        """One clumsy agent must not end the Workspace for all that follow; nothing elsewhere is touched."""
        self.prepare(open_host, pod)
        elsewhere = pod.root / "elsewhere"
        if how in ("link", "file"):
            pod.checkout.rename(elsewhere)
            pod.checkout.symlink_to(elsewhere) if how == "link" else pod.checkout.write_text("x")
        elif how == "no git":
            shutil.rmtree(pod.checkout / ".git")
        elif how == "git is a link":
            (pod.checkout / ".git").rename(elsewhere)
            (pod.checkout / ".git").symlink_to(elsewhere)
        else:
            (pod.checkout / ".git" / "HEAD").write_text("garbage\n")

        self.prepare(open_host, pod)

        assert ("main", "") == (branch(pod), self.pristine(pod))
        assert (how in ("link", "file", "git is a link")) == elsewhere.exists()

    @pytest.mark.parametrize(("persistent", "is_told"), [(True, True), (False, False)])
    def test_a_broken_checkout_says_how_to_begin_anew(self, open_host, pod, persistent, is_told):
        """A full disk leaves what git cannot mend; commits that were not pushed are not ours to drop."""
        self.prepare(open_host, pod)
        (pod.checkout / ".git/refs/heads/main").write_text("0123456789012345678901234567890123456789\n")
        env = {"KELOS_TIDY_DIR": str(pod.root / "workspace")} if persistent else {}

        message = pod.prepare(KELOS_REPO=open_host.url("team/app"), **env).outcome.message

        assert is_told == ("delete the PersistentVolumeClaim of the Workspace" in message), message

    def test_changes_that_were_hidden_from_git_go(self, open_host, pod):
        """The index of an earlier agent may say that a file never changes."""
        self.prepare(open_host, pod)
        git("update-index", "--skip-worktree", "README.md", cwd=pod.checkout)
        (pod.checkout / "README.md").write_text("tampered")

        self.prepare(open_host, pod)

        assert "version 2\n" == (pod.checkout / "README.md").read_text()

    def test_objects_in_place_of_others_go(self, open_host, pod):
        """With one, the same commit has other files."""
        self.prepare(open_host, pod)
        real = head(pod)
        fake = commit(pod.checkout, "tampered")
        git("reset", "--quiet", "--hard", real, cwd=pod.checkout)
        git("replace", real, fake, cwd=pod.checkout)
        git("pack-refs", "--all", cwd=pod.checkout)

        self.prepare(open_host, pod)

        assert ("version 2\n", "") == (
            (pod.checkout / "README.md").read_text(),
            git("for-each-ref", "refs/replace", cwd=pod.checkout),
        )

    def test_objects_from_elsewhere_are_not_read(self, open_host, pod):
        self.prepare(open_host, pod)
        for name in ("alternates", "http-alternates"):
            (pod.checkout / ".git/objects/info").mkdir(exist_ok=True)
            (pod.checkout / ".git/objects/info" / name).write_text(f"{pod.root}/elsewhere\n")

        self.prepare(open_host, pod)

        assert [] == list((pod.checkout / ".git/objects/info").glob("*alternates"))

    def test_a_branch_that_another_worktree_had_is_free(self, open_host, work, pod):
        git("checkout", "--quiet", "-b", "feature", cwd=work)
        git("push", "--quiet", "origin", "feature", cwd=work)
        self.prepare(open_host, pod)
        git("worktree", "add", "--quiet", str(pod.root / "workspace" / "tree"), "feature", cwd=pod.checkout)

        self.prepare(open_host, pod, KELOS_BRANCH="feature")

        assert "feature" == branch(pod)

    @pytest.mark.parametrize(
        ("words", "left"),
        [
            (("merge", "side"), "MERGE_HEAD"),
            (("rebase", "side"), "rebase-merge"),
            (("rebase", "--apply", "side"), "rebase-apply"),
            (("cherry-pick", "side"), "CHERRY_PICK_HEAD"),
            (("revert", "side"), "REVERT_HEAD"),
            (("bisect", "start"), "BISECT_LOG"),
        ],
        ids=lambda words: "-".join(words) if isinstance(words, tuple) else "",
    )
    def test_nothing_is_half_done(self, open_host, pod, words, left):
        """The next agent's git would go on with it."""
        self.prepare(open_host, pod)
        git("checkout", "--quiet", "-b", "side", cwd=pod.checkout)
        commit(pod.checkout, "one")
        git("checkout", "--quiet", "-b", "other", "main", cwd=pod.checkout)
        commit(pod.checkout, "other")
        with contextlib.suppress(subprocess.CalledProcessError):
            git(*words, cwd=pod.checkout)
        assert (pod.checkout / ".git" / left).exists()

        self.prepare(open_host, pod, KELOS_BRANCH="next")

        said = git("status", cwd=pod.checkout)
        assert ("nothing to commit" in said, "rebas" in said, "bisect" in said) == (True, False, False)
        assert not (pod.checkout / ".git" / left).exists()

    def test_files_of_a_branch_without_commits_go(self, open_host, pod):
        self.prepare(open_host, pod)
        git("checkout", "--quiet", "--orphan", "new", cwd=pod.checkout)
        (pod.checkout / "junk").write_text("x")

        self.prepare(open_host, pod)

        assert ("main", "", False) == (branch(pod), self.pristine(pod), (pod.checkout / "junk").exists())

    def test_a_step_that_did_not_push_is_continued_on_its_branch(self, open_host, pod):
        """That is what the Workspace is kept for."""
        self.prepare(open_host, pod, KELOS_BRANCH="feature")
        wanted = commit(pod.checkout, "not pushed")

        self.prepare(open_host, pod, KELOS_BRANCH="feature")

        assert ("feature", wanted) == (branch(pod), head(pod))

    def test_a_new_branch_starts_at_the_ref_not_at_what_was_left(self, open_host, pod):
        self.prepare(open_host, pod, KELOS_BRANCH="feature")
        commit(pod.checkout, "not pushed")

        self.prepare(open_host, pod, KELOS_BRANCH="another")

        assert ("another", git("rev-parse", "origin/main", cwd=pod.checkout)) == (branch(pod), head(pod))

    def test_a_new_branch_does_not_start_with_what_was_left_on_the_refs_branch(self, open_host, work, pod):
        """Not even when it could no longer be brought up to date."""
        self.prepare(open_host, pod)
        left = commit(pod.checkout, "not pushed")
        wanted = commit(work, "newer")
        git("push", "--quiet", "origin", "main", cwd=work)

        self.prepare(open_host, pod, KELOS_BRANCH="another")

        assert ("another", wanted) == (branch(pod), head(pod))
        assert left == git("rev-parse", "main", cwd=pod.checkout)

    def test_the_refs_branch_is_brought_up_to_date_beside_another_one(self, open_host, work, pod):
        """Agents compare with it."""
        self.prepare(open_host, pod)
        wanted = commit(work, "newer")
        git("push", "--quiet", "origin", "main", cwd=work)

        self.prepare(open_host, pod, KELOS_BRANCH="another")

        assert wanted == git("rev-parse", "main", cwd=pod.checkout)

    def test_what_an_earlier_agent_chose_to_ignore_is_not_ignored(self, open_host, pod):
        """The ref says what is."""
        self.prepare(open_host, pod)
        (pod.checkout / ".gitignore").write_text("junk\n")
        commit(pod.checkout, "not pushed")
        (pod.checkout / "junk").write_text("x")

        self.prepare(open_host, pod, KELOS_BRANCH="another")

        assert ("", False) == (self.pristine(pod), (pod.checkout / "junk").exists())

    def test_another_repository_of_the_workspace_is_what_is_checked_out(self, open_host, pod):
        """Somebody changed spec.repo; branches of the one before are not mixed in."""
        bare = open_host.create("team/other", commits=3)
        unrelated = git("commit-tree", "-m", "Unrelated", "main^{tree}", cwd=bare)
        git("update-ref", "refs/heads/main", unrelated, cwd=bare)
        self.prepare(open_host, pod)

        ran = pod.prepare(KELOS_REPO=open_host.url("team/other"), KELOS_TIDY_DIR=str(pod.root / "workspace"))

        assert (0, "version 3\n") == (ran.exit_code, (pod.checkout / "README.md").read_text())


def test_without_a_workspace_there_is_nothing_to_clone(pod):
    """A Task may have plugins only."""
    ran = pod.prepare()

    assert (0, "") == (ran.exit_code, ran.stderr)
    assert not pod.checkout.exists()


def test_git_itself_agrees(open_host, pod):
    """A checkout that `git fsck` complains about would fail later, in the agent's hands."""
    pod.prepare(KELOS_REPO=open_host.url("team/app"))

    subprocess.run(("git", "fsck", "--strict"), cwd=pod.checkout, check=True, capture_output=True)
