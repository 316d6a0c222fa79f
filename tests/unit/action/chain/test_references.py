"""A chain's Tasks are renamed for each run, and so are their names in the templates of prompts."""

import pytest

from kelos.action.chain.references import rename_dependencies
from kelos.errors import UserError
from kelos.templates import StringMap, render

NAMES = {"a": "run-7-a", "scaffold": "run-7-scaffold", "unit-tests": "run-7-unit-tests"}


@pytest.mark.parametrize(
    ("written", "renamed"),
    [
        ("{{.Deps.a.Results.branch}}", '{{(index .Deps "run-7-a").Results.branch}}'),
        ("{{ $.Deps.a.Name }}", '{{ (index $.Deps "run-7-a").Name }}'),
        ('{{index .Deps "a" "Results" "branch"}}', '{{index .Deps "run-7-a" "Results" "branch"}}'),
        ("{{index .Deps `a` `Results`}}", '{{index .Deps "run-7-a" `Results`}}'),
        ('{{- with index .Deps "scaffold" -}}x{{end}}', '{{- with index .Deps "run-7-scaffold" -}}x{{end}}'),
        ('{{index .Deps.a "Results"}}', '{{index (index .Deps "run-7-a") "Results"}}'),
        ("{{range $n, $d := .Deps}}{{$n}}{{end}}", "{{range $n, $d := .Deps}}{{$n}}{{end}}"),
        ('{{index .Deps "other" "Name"}}', '{{index .Deps "other" "Name"}}'),
        ("{{.Deps.other.Name}}", "{{.Deps.other.Name}}"),
        ("{{.Deps.ab.Name}}", "{{.Deps.ab.Name}}"),
        ('.Deps.a and "a" are words', '.Deps.a and "a" are words'),
        ('{{/* "a" .Deps.a }} */}}"a"', '{{/* "a" .Deps.a }} */}}"a"'),
        ('{{printf "}} .Deps.a"}}', '{{printf "}} .Deps.a"}}'),
        ("{{'\"'}}{{.Deps.a.Name}}", '{{\'"\'}}{{(index .Deps "run-7-a").Name}}'),
        ("{{.Deps.a", "{{.Deps.a"),
        ('{{printf "%s }}', '{{printf "%s }}'),
        ("", ""),
    ],
)
def test_only_names_of_dependencies_in_actions_change(written, renamed):
    """Everything else of the prompt is the author's."""
    assert renamed == rename_dependencies(written, NAMES, "last")


@pytest.mark.parametrize(
    "prompt",
    [
        "{{.Deps.a.Results.branch}} and {{.Deps.a.Name}}",
        '{{index .Deps "unit-tests" "Results" "commit"}}',
        "{{with .Deps.scaffold}}{{.Results.branch}}{{else}}none{{end}}",
        '{{range $name, $dep := .Deps}}[{{index $dep "Results" "branch"}}]{{end}}',
        '{{if eq .Deps.a.Results.branch (index .Deps "a" "Results" "branch")}}same{{end}}',
    ],
)
def test_the_renamed_template_says_what_the_written_one_would_have_said(prompt):
    """Rendered by the engine of the controller, whose answers are Go's."""

    def data(names):
        return {
            "Deps": {
                name: {"Name": "n", "Outputs": [], "Results": StringMap({"branch": key, "commit": "c"})}
                for key, name in names.items()
            }
        }

    same = {key: key for key in NAMES}

    assert render(prompt, data(same), strict=True) == render(
        rename_dependencies(prompt, NAMES, "last"), data(NAMES), strict=True
    )


@pytest.mark.parametrize("prompt", ['{{if eq $name "a"}}x{{end}}', '{{index $deps "a"}}', '{{printf "a"}}'])
def test_a_word_that_may_be_a_name_is_refused(prompt):
    """Guessing wrong would send the agent a prompt with a hole in it."""
    with pytest.raises(UserError, match=r'write `index \.Deps "a"`'):
        rename_dependencies(prompt, NAMES, "last")
