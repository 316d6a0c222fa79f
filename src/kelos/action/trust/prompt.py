"""What the agent is told: the prompt from an input, its file or the task-file, and the texts of others behind it."""

from __future__ import annotations

from kelos.action.documents import read_file
from kelos.action.given.workflow import Workflow
from kelos.action.inputs import ActionInputs
from kelos.action.trust.context import Prompt, read_context, with_context
from kelos.api.checks import check_prompt
from kelos.api.kinds import Manifest


def read_prompt(inputs: ActionInputs, workflow: Workflow, base: Manifest | None) -> Prompt:
    """The prompt; empty when the task-file's own is to stay as it is. A UserError says what cannot be sent."""
    prompt = inputs.prompt
    if inputs.prompt_file:
        prompt = check_prompt(read_file(inputs.prompt_file, "prompt-file", workflow.folder))
    given = [("context", inputs.context)]
    if inputs.context_file:
        given.append(("context-file", read_file(inputs.context_file, "context-file", workflow.folder)))
    contexts = tuple(read_context(text, origin) for origin, text in given if text)
    if not contexts:
        return Prompt(text=prompt)
    spec = (base or {}).get("spec") or {}
    return with_context(
        check_prompt(prompt or str(spec.get("prompt") or "")),
        contexts,
        seed=f"{workflow.repository}/{workflow.run_id}/{workflow.leg}",
        is_template=bool(inputs.depends_on or spec.get("dependsOn")),
    )
