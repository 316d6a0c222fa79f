"""What an AgentConfig gives an agent, and how its model shows that all of it is there and works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents_live.clis import CLAUDE, CODEX, GEMINI, OPENCODE, Cli
from agents_live.expected import DONE
from providers.scenario import Call, Run, Say, Scenario, Step

INSTRUCTIONS = "Keep every commit as small as a pea."
SKILL = "Use when a release is due, called the midnight pie."
RECIPE = "Stir the midnight pie twice, then serve it."
STAMP = "stamp-of-the-secret-4711"
ANSWER = f"remembered by {STAMP}"
NOTE = "written through the tool server"
MARKS = (INSTRUCTIONS, SKILL, RECIPE, ANSWER)

PLUGIN, SKILL_NAME = "kitchen", "midnight-pie"
DOCUMENT = f"---\nname: {SKILL_NAME}\ndescription: {SKILL}\n---\n\n{RECIPE}\n"

# How the model asks for the text of a skill. Codex has no tool for it: it names the file, and the shell reads it.
_SKILLS: Mapping[Cli, Step] = {
    CLAUDE: Call("Skill", {"skill": f"{PLUGIN}:{SKILL_NAME}"}),
    CODEX: Run(f"cat ~/.codex/skills/{PLUGIN}:{SKILL_NAME}/SKILL.md"),
    GEMINI: Call("activate_skill", {"name": SKILL_NAME}),
    OPENCODE: Call("skill", {"name": SKILL_NAME}),
}


def equipped(cli: Cli) -> Scenario:
    """The model calls the tool server, again because it may just have been starting, reads the skill, and is done."""
    remember = Call("remember", {"text": NOTE}, "notes")
    return Scenario((remember, remember, _SKILLS[cli], Say(DONE)), marks=MARKS)


def server(script: str, book: str, **members: object) -> dict[str, Any]:
    """The tool server as an AgentConfig lists it; `members` are those that tell where its secret comes from."""
    return {"name": "notes", "type": "stdio", "command": "python3", "args": [script, book], **members}
