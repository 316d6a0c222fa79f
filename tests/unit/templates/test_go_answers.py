"""Templates are a public format that Go defined: our answers must be Go's own, recorded in files."""

import json
from pathlib import Path

import pytest

from kelos.templates import StringMap, TemplateError, render

DATA = Path(__file__).parents[2] / "data"


def cases(name):
    recorded = json.loads((DATA / name).read_text())
    data = with_string_maps(recorded["data"])
    return [pytest.param(case, data, id=case["name"]) for case in recorded["cases"]]


def with_string_maps(value):
    """The data as the Task controller builds them: `Results` holds strings only."""
    if not isinstance(value, dict):
        return value
    return {
        key: StringMap(inner["$strings"])
        if isinstance(inner, dict) and "$strings" in inner
        else with_string_maps(inner)
        for key, inner in value.items()
    }


def answer(case, data):
    try:
        return {"output": render(case["template"], data, strict=case["strict"])}
    except TemplateError as error:
        return {"error": error.kind}


@pytest.mark.parametrize(("case", "data"), [*cases("go-templates.json"), *cases("go-templates-more.json")])
def test_a_template_gives_what_go_gives(case, data):
    """A manifest written for the reference keeps its meaning."""
    expected = {key: case[key] for key in ("output", "error") if key in case}

    assert expected == answer(case, data)
