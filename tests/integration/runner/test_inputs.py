"""Workspace files, plugins and skills: where they land, and that nothing leads them astray."""

import os

import pytest

from fakes.git_server import git
from kelos.api.reasons import Reason

SKILL = "---\nname: {name}\ndescription: x\n---\nDo it well.\n"


def test_files_are_written_and_git_looks_away(open_host, pod):
    """`git add --all` of an agent must not commit what belongs to the Workspace."""
    pod.give_input("files/.env", "A=1\n")
    pod.give_input("files/deep/a b!.txt", "x")

    ran = pod.prepare(KELOS_REPO=open_host.url("team/app"))

    assert 0 == ran.exit_code
    assert ("A=1\n", "x") == ((pod.checkout / ".env").read_text(), (pod.checkout / "deep" / "a b!.txt").read_text())
    assert "" == git("status", "--porcelain", cwd=pod.checkout)


def test_writing_twice_excludes_once(open_host, pod):
    pod.give_input("files/.env", "A=1\n")
    for _ in range(2):
        pod.prepare(KELOS_REPO=open_host.url("team/app"))

    assert 1 == (pod.checkout / ".git" / "info" / "exclude").read_text().splitlines().count("/.env")


def test_files_of_a_mounted_secret_are_links(open_host, pod):
    """The kubelet writes `..data` and links into it; only the names people gave count."""
    data = pod.root / "inputs" / "files" / "..2026_data"
    data.mkdir(parents=True)
    (data / "note.txt").write_text("hello")
    os.symlink("..2026_data", data.parent / "..data")
    os.symlink("..data/note.txt", data.parent / "note.txt")

    pod.prepare(KELOS_REPO=open_host.url("team/app"))

    assert "hello" == (pod.checkout / "note.txt").read_text()
    assert [".git", "README.md", "note.txt"] == sorted(path.name for path in pod.checkout.iterdir())


@pytest.mark.parametrize("path", [".git/config", "sub/.GIT/hooks/post-commit"])
def test_files_cannot_become_programs_of_git(open_host, pod, path):
    pod.give_input(f"files/{path}", "x")

    ran = pod.prepare(KELOS_REPO=open_host.url("team/app"))

    assert (82, Reason.SETUP_FAILED) == (ran.exit_code, ran.outcome.reason)
    assert f"Workspace file '{path}' cannot be written: it lies in git's own folder" == ran.outcome.message


def test_a_link_in_the_repository_does_not_lead_files_away(open_host, tmp_path, pod):
    """A hostile repository would choose what the runner overwrites."""
    work = tmp_path / "work"
    git("clone", "--quiet", str(open_host.bare("team/app")), str(work), cwd=tmp_path)
    os.symlink(str(pod.home), work / "config")
    git("add", "--all", cwd=work)
    git("commit", "--quiet", "-m", "link", cwd=work)
    git("push", "--quiet", "origin", "main", cwd=work)
    pod.give_input("files/config/rc", "x")

    ran = pod.prepare(KELOS_REPO=open_host.url("team/app"))

    assert "a link on the way leads out of the checkout" in ran.outcome.message
    assert not (pod.home / "rc").exists()


def test_plugins_are_copied(pod):
    pod.give_input("plugins/team/skills/review/SKILL.md", "x")
    pod.give_input("plugins/team/agents/critic.md", "y")

    ran = pod.prepare(KELOS_PLUGIN_DIR=str(pod.root / "plugin"))

    assert 0 == ran.exit_code
    assert "x" == (pod.root / "plugin" / "team" / "skills" / "review" / "SKILL.md").read_text()
    assert "y" == (pod.root / "plugin" / "team" / "agents" / "critic.md").read_text()


@pytest.fixture
def package(open_host, tmp_path):
    """A repository with two skills, one of them with a program and a link to the outside."""
    open_host.create("team/skills")
    work = tmp_path / "skills-work"
    git("clone", "--quiet", str(open_host.bare("team/skills")), str(work), cwd=tmp_path)
    for folder, name in (("skills/one", "one"), (".claude/skills/second", "two")):
        (work / folder).mkdir(parents=True)
        (work / folder / "SKILL.md").write_text(SKILL.format(name=name))
    (work / "skills" / "one" / "run.sh").write_text("#!/bin/sh\n")
    (work / "skills" / "one" / "run.sh").chmod(0o755)
    os.symlink("/etc/passwd", work / "skills" / "one" / "leak")
    git("add", "--all", cwd=work)
    git("commit", "--quiet", "-m", "skills", cwd=work)
    git("push", "--quiet", "origin", "main", cwd=work)
    return open_host.url("team/skills")


def install(pod, entries):
    return pod.prepare(KELOS_PLUGIN_DIR=str(pod.root / "plugin"), KELOS_SKILLS=entries)


def test_all_skills_of_a_package(package, pod):
    """By git alone: no npx, no root, no moving installer."""
    ran = install(pod, f'[{{"source": "{package}", "skill": "", "tokenFile": ""}}]')
    folder = pod.root / "plugin" / "skills-sh" / "skills"

    assert 0 == ran.exit_code
    assert ["one", "two"] == sorted(path.name for path in folder.iterdir())
    assert ["SKILL.md", "run.sh"] == sorted(path.name for path in (folder / "one").iterdir())
    assert os.access(folder / "one" / "run.sh", os.X_OK)


def test_one_skill_by_name(package, pod):
    ran = install(pod, f'[{{"source": "{package}", "skill": "two"}}]')

    assert 0 == ran.exit_code
    assert ["two"] == [path.name for path in (pod.root / "plugin" / "skills-sh" / "skills").iterdir()]


@pytest.mark.parametrize("kind", ["branch", "tag", "commit"])
def test_a_package_as_it_was(package, tmp_path, pod, kind):
    """What moves on must not change what agents are told; a commit is its own proof."""
    work = tmp_path / "skills-work"
    commit = git("rev-parse", "HEAD", cwd=work)
    git("push", "--quiet", "origin", "HEAD:refs/heads/old", "HEAD:refs/tags/v1", cwd=work)
    (work / "skills" / "one" / "SKILL.md").write_text(SKILL.format(name="one") + "Now differently.\n")
    git("commit", "--quiet", "-am", "later", cwd=work)
    git("push", "--quiet", "origin", "main", cwd=work)
    ref = {"branch": "old", "tag": "v1", "commit": commit}[kind]

    ran = install(pod, f'[{{"source": "{package}", "ref": "{ref}"}}]')

    assert 0 == ran.exit_code
    told = (pod.root / "plugin" / "skills-sh" / "skills" / "one" / "SKILL.md").read_text()
    assert SKILL.format(name="one") == told


def test_a_private_package_has_its_own_token(host, tmp_path, pod):
    """It is not the Workspace's, and goes to the package's host only."""
    work = tmp_path / "work"
    git("clone", "--quiet", str(host.bare("team/app")), str(work), cwd=tmp_path)
    (work / "SKILL.md").write_text(SKILL.format(name="whole"))
    git("add", "--all", cwd=work)
    git("commit", "--quiet", "-m", "skill", cwd=work)
    git("push", "--quiet", "origin", "main", cwd=work)
    token = pod.root / "skill-token"
    token.write_text(host.password)

    ran = install(pod, f'[{{"source": "{host.url("team/app")}", "skill": "", "tokenFile": "{token}"}}]')

    assert 0 == ran.exit_code
    assert (pod.root / "plugin" / "skills-sh" / "skills" / "whole" / "SKILL.md").exists()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ('{{"source": "{0}", "skill": "three"}}', "has no skill 'three'; it has one, two"),
        ('{{"source": "{1}"}}', "has no folder with a SKILL.md"),
        ('{{"source": "{0}", "ref": "v9"}}', "has no branch, tag or commit 'v9'; correct ref"),
        (
            '{{"source": "{0}", "ref": "0123456789012345678901234567890123456789"}}',
            "has no branch, tag or commit '0123",
        ),
        ('{{"source": "{0}", "ref": "--upload-pack=x"}}', "is not a name git accepts"),
        ('{{"source": "{1}x"}}', "was not found"),
        ('{{"source": "--upload-pack=x"}}', "is no address for a skill package"),
        ('{{"source": "../../etc"}}', "is no address for a skill package"),
    ],
)
def test_a_missing_skill_is_named(open_host, package, pod, entry, words):
    """An agent without the skill it was promised would work, and work wrongly."""
    ran = install(pod, f"[{entry.format(package, open_host.url('team/app').removesuffix('.git'))}]")

    assert ran.exit_code in (82, 87)
    assert words in ran.outcome.message


def test_a_pipe_where_a_file_goes_is_not_waited_for(open_host, pod):
    """An earlier agent may have left one in a persistent checkout, where git ignores it."""
    pod.prepare(KELOS_REPO=open_host.url("team/app"))
    (pod.checkout / "caches").mkdir()
    (pod.checkout / "caches/.gitignore").write_text("*")
    os.mkfifo(pod.checkout / "caches/settings.json")
    pod.give_input("files/caches/settings.json", "mine")

    assert 0 == pod.prepare(KELOS_REPO=open_host.url("team/app")).exit_code
    assert "mine" == (pod.checkout / "caches/settings.json").read_text()
