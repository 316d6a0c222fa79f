"""Skill packages from git repositories: cloned, searched for SKILL.md, copied. No package manager is involved."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kelos.api.reasons import Reason
from kelos.runner.failure import Failure
from kelos.runner.files import copy_folder
from kelos.runner.git import Result, git, without_user_info
from kelos.runner.preparation.complaints import complaint
from kelos.runner.preparation.helper import as_arguments, helper_settings
from kelos.runner.preparation.request import SkillSource, check_url

PLUGIN = "skills-sh"  # the plugin as which the reference shows them
SECRET = "the Secret that the skill's secretRef in the AgentConfig names"
CLONE_SECONDS = 600.0
DEPTH_LIMIT = 5
SKIPPED = {".git", "node_modules"}

_SHORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_FRONT_MATTER_NAME = re.compile(r"(?m)^name:[ \t]*[\"']?([^\"'\r\n]+?)[\"']?[ \t]*$")


def install_skills(sources: tuple[SkillSource, ...], plugin_dir: str) -> int:
    """Put every wanted skill below the plugin folder; the answer is how many there are."""
    target = Path(plugin_dir, PLUGIN, "skills")
    origin: dict[str, str] = {}
    for source in sources:
        with tempfile.TemporaryDirectory(prefix="kelos-skills-") as folder:
            checkout = Path(folder, "checkout")
            _clone(source, checkout)
            for name, path in _wanted(source, checkout):
                this = f"{source.source} {source.ref}".rstrip()
                if origin.setdefault(name, this) != this:
                    raise _failure(f"'{this}' and '{origin[name]}' both have a skill '{name}'; pick one")
                copy_folder(path, target / name)
    return len(origin)


def skill_url(source: str) -> str:
    """`owner/repo` is on github.com; anything else must be an address."""
    if _SHORT.fullmatch(source):
        return f"https://github.com/{source}"
    return check_url(source, "a skill package")


def _clone(source: SkillSource, target: Path) -> None:
    url = skill_url(source.source)
    settings = helper_settings(url, source.token_file) if source.token_file else [("credential.helper", "")]
    # Like this, and not by `clone`, a commit may be named as well as a branch or a tag.
    fetch = ("fetch", "--quiet", "--depth=1", "--no-tags", "--", url, source.ref or "HEAD")
    steps = ("init", "--quiet"), (*as_arguments(settings), *fetch), ("checkout", "--quiet", "FETCH_HEAD")
    target.mkdir()
    for arguments in steps:
        result = git(*arguments, cwd=str(target), seconds=CLONE_SECONDS)
        if not result.is_good and _is_about_the_ref(result, source):
            shown = without_user_info(source.source)
            raise _failure(
                f"'{shown}' has no branch, tag or commit '{source.ref}'; correct ref in the AgentConfig's skills"
            )
        if not result.is_good:
            raise _failure(str(complaint(result, without_user_info(url), "cloning the skills", secret=SECRET)))


def _is_about_the_ref(result: Result, source: SkillSource) -> bool:
    return bool(source.ref) and ("couldn't find remote ref" in result.err or "not our ref" in result.err)


def _wanted(source: SkillSource, checkout: Path) -> list[tuple[str, Path]]:
    found = dict(sorted(_skills(checkout, source)))
    if not found:
        raise _failure(f"'{source.source}' has no folder with a SKILL.md; check the AgentConfig's skills")
    if not source.skill:
        return list(found.items())
    if source.skill not in found:
        raise _failure(f"'{source.source}' has no skill '{source.skill}'; it has {', '.join(found)}")
    return [(source.skill, found[source.skill])]


def _skills(checkout: Path, source: SkillSource) -> Iterator[tuple[str, Path]]:
    for manifest in _manifests(checkout, 0):
        folder = manifest.parent
        fallback = (
            source.source.rstrip("/").removesuffix(".git").rpartition("/")[2] if folder == checkout else folder.name
        )
        said = _FRONT_MATTER_NAME.search(manifest.read_text("utf-8", "replace")[:4000])
        name = said[1] if said and _NAME.fullmatch(said[1]) else fallback
        if _NAME.fullmatch(name):
            yield name, folder


def _manifests(folder: Path, depth: int) -> Iterator[Path]:
    manifest = folder / "SKILL.md"
    if manifest.is_file() and not manifest.is_symlink():
        yield manifest
        return
    for below in sorted(folder.iterdir()) if depth < DEPTH_LIMIT else ():
        if below.is_dir() and not below.is_symlink() and below.name not in SKIPPED:
            yield from _manifests(below, depth + 1)


def _failure(message: str) -> Failure:
    return Failure(Reason.SETUP_FAILED, f"Skills: {message}")
