"""The prompt: rendered over the results of dependencies, within its limit."""

from __future__ import annotations

from dataclasses import dataclass

from kelos.api.checks import check_prompt
from kelos.errors import UserError
from kelos.tasks.dependencies import remembered
from kelos.tasks.view import TaskView
from kelos.templates import StringMap, TemplateError, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """`problem` is set when the template failed and `text` is the prompt as it was written."""

    text: str
    problem: str = ""


def render_prompt(view: TaskView) -> Rendered:
    """Without dependsOn the prompt is literal. Raises UserError when it must not be sent."""
    spec = view.task.spec
    rendered = Rendered(text=spec.prompt)
    if spec.depends_on:
        data = {"Deps": {name: _data(view, name) for name in remembered(view)}}
        try:
            rendered = Rendered(text=render(spec.prompt, data, strict=True))
        except TemplateError as error:
            if spec.strict_template:
                raise UserError(f"The prompt of Task '{view.task.meta.name}' cannot be rendered: {error}") from error
            rendered = Rendered(text=spec.prompt, problem=f"The prompt was sent as written: {error}")
    check_prompt(rendered.text)
    return rendered


def _data(view: TaskView, name: str) -> dict[str, object]:
    known = remembered(view)[name]
    return {"Name": known.name, "Outputs": list(known.outputs), "Results": StringMap(known.results)}
