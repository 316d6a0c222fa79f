"""Template rendering beside jinja2: prints renders per second and ratios, judges nothing.

    python benchmarks/templates.py

jinja2 compiles a template to Python code and counts no steps, so it is the fast end of what a template can cost here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from kelos.templates import parse

ROUNDS = 5
SECONDS_PER_ROUND = 0.3

DATA: dict[str, object] = {
    "Kind": "Issue",
    "Number": 42,
    "Title": "Fix the login page",
    "Body": "It fails when the name has an umlaut.\n" * 20,
    "URL": "https://example.com/o/r/issues/42",
    "Comments": "",
    "Labels": ["bug", "p1", "frontend"],
    "Event": "issues",
    "Action": "opened",
    "Sender": "octocat",
    "Deps": {"scaffold": {"Name": "scaffold", "Outputs": ["branch: x"], "Results": {"branch": "feature/x"}}},
    "Files": [{"name": f"src/module_{number}.py", "changes": number} for number in range(200)],
}

PROMPT = """\
{{.Kind}} #{{.Number}}: {{.Title}}

{{.Body}}
{{- if .Comments}}

Comments:
{{.Comments}}
{{- end}}
A {{.Event}} event ({{.Action}}) by @{{.Sender}}.{{if .URL}} URL: {{.URL}}{{end}}
{{range .Labels}}- {{.}}
{{end}}Branch {{index .Deps "scaffold" "Results" "branch"}}."""

PROMPT_FOR_JINJA2 = """\
{{Kind}} #{{Number}}: {{Title}}

{{Body}}
{%- if Comments %}

Comments:
{{Comments}}
{%- endif %}
A {{Event}} event ({{Action}}) by @{{Sender}}.{% if URL %} URL: {{URL}}{% endif %}
{% for label in Labels %}- {{label}}
{% endfor %}Branch {{Deps['scaffold']['Results']['branch']}}."""

LIST = """\
{{range $i, $f := .Files}}{{if gt $f.changes 10}}{{$i}}. {{$f.name}} {{printf "%5d" $f.changes}}
{{end}}{{end}}"""

LIST_FOR_JINJA2 = """\
{% for f in Files %}{% if f.changes > 10 %}{{loop.index0}}. {{f.name}} {{'%5d' % f.changes}}
{% endif %}{% endfor %}"""

# Name, ours, jinja2's way to say the same.
TEMPLATES = (
    ("a name", "fix-{{.Number}}", "fix-{{Number}}"),
    ("a prompt", PROMPT, PROMPT_FOR_JINJA2),
    ("a long list", LIST, LIST_FOR_JINJA2),
)


def rate(work: Callable[[], object]) -> float:
    """Calls per second, the best of some rounds."""
    best = 0.0
    for _ in range(ROUNDS):
        calls, start = 0, perf_counter()
        while (passed := perf_counter() - start) < SECONDS_PER_ROUND:
            work()
            calls += 1
        best = max(best, calls / passed)
    return best


def main() -> None:
    """Print one line for each template."""
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    print(f"{'template':<12} {'parse/s':>9} {'jinja2':>9} {'ratio':>6} {'render/s':>9} {'jinja2':>9} {'ratio':>6}")
    for name, ours, theirs in TEMPLATES:
        template, compiled = parse(ours), environment.from_string(theirs)
        if template.render(DATA, strict=True) != compiled.render(DATA):
            sys.exit(f"the two templates for {name} do not say the same")
        figures = (
            rate(partial(parse, ours)),
            rate(partial(environment.compile, theirs)),
            rate(partial(template.render, DATA, strict=True)),
            rate(partial(compiled.render, DATA)),
        )
        print(
            f"{name:<12} {figures[0]:>9.0f} {figures[1]:>9.0f} {figures[0] / figures[1]:>6.2f}"
            f" {figures[2]:>9.0f} {figures[3]:>9.0f} {figures[2] / figures[3]:>6.2f}"
        )


if __name__ == "__main__":
    main()
