"""Plugins as the preparing container left them: which skills and sub-agents there are."""

from __future__ import annotations

from pathlib import Path

from kelos.agents.protocol import Plugin, Skill, SubAgent


def find_plugins(folder: str) -> tuple[Plugin, ...]:
    """Plugins below the folder by name; none when there is no such folder."""
    root = Path(folder) if folder else None
    if root is None or not root.is_dir():
        return ()
    return tuple(_plugin(path) for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".."))


def _plugin(path: Path) -> Plugin:
    skills = sorted(manifest.parent for manifest in path.glob("skills/*/SKILL.md"))
    agents = sorted(path.glob("agents/*.md"))
    return Plugin(
        name=path.name,
        path=str(path),
        skills=tuple(Skill(name=skill.name, path=str(skill)) for skill in skills),
        agents=tuple(SubAgent(name=agent.stem, path=str(agent)) for agent in agents),
    )
