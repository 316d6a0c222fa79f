"""The texts of a TaskSpawner's template: Go templates, keys, names, and what its Tasks would be refused for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from kelos.api.checks import check_name, excerpt
from kelos.api.codec import parse_task
from kelos.api.context_source import ContextSource
from kelos.api.task_spawner import TaskSpawner
from kelos.api.task_template import RESERVED_ANNOTATIONS, RESERVED_LABELS, TaskTemplate
from kelos.api.validate import check_task
from kelos.errors import UserError
from kelos.matching.json_path import parse_json_path
from kelos.spawning.making.names import parse_name_template
from kelos.spawning.making.rendering import task_spec
from kelos.spawning.making.texts import parse_text
from kelos.spawning.validity.check import Check
from kelos.spawning.validity.sources import check_address, check_full_name
from kelos.spawning.validity.variables import Known
from kelos.templates import Template

FIELD = "spec.taskTemplate"
MOST_KEYS = 64

Read = Callable[[str], Template]

_KEY = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_HEADER = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]{1,256}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def template_checks(template: TaskTemplate, known: Known | None = None) -> Iterator[Check]:
    """What to check of the template; names of variables too, where it is `known` which there are."""
    read = known.reader(parse_text) if known else parse_text
    without_context = replace(known, fetched=()) if known else None
    refs = (("branch", template.branch), ("baseRef", template.base_ref))
    for name, text in (("promptTemplate", template.prompt_template), *refs):
        if text:
            yield Check(f"{FIELD}.{name}", read, text)
    if template.name_template:
        read_name = without_context.reader(parse_name_template) if without_context else parse_name_template
        yield Check(f"{FIELD}.nameTemplate", read_name, template.name_template)
    if template.upstream_repo:
        yield Check(f"{FIELD}.upstreamRepo", check_full_name, template.upstream_repo)
    for index, name in enumerate(template.depends_on):
        yield Check(f"{FIELD}.dependsOn[{index}]", lambda text: check_name(text, "Task"), name)
    yield from _metadata("labels", template.metadata.labels, RESERVED_LABELS, read)
    yield from _metadata("annotations", template.metadata.annotations, RESERVED_ANNOTATIONS, read)
    read = without_context.reader(parse_text) if without_context else parse_text
    for index, source in enumerate(template.context_sources):
        yield from _context(f"{FIELD}.contextSources[{index}]", source, read)


def task_mistakes(spawner: TaskSpawner) -> Iterator[str]:
    """What every Task of the spawner would be refused for."""
    wanted = spawner.spec.task_template.metadata
    for part, keys in (("labels", wanted.labels), ("annotations", wanted.annotations)):
        if len(keys) > MOST_KEYS:
            yield f"{FIELD}.metadata.{part}: must be at most {MOST_KEYS}, there are {len(keys)}"
    # What it depends on may have any name, also that of the trial.
    spec = {key: value for key, value in task_spec(spawner, 0).items() if key != "dependsOn"}
    if spawner.spec.task_template.base_ref:
        spec["baseRef"] = "anything"
    try:
        trial = parse_task({"metadata": {"name": "trial"}, "spec": {"prompt": "anything", **spec}})
    except UserError as mistake:
        yield f"{FIELD}: {mistake}"
        return
    yield from (f"{FIELD}: {mistake}" for mistake in check_task(trial))


def _metadata(part: str, wanted: dict[str, str], reserved: tuple[str, ...], read: Read) -> Iterator[Check]:
    def check_key(key: str) -> None:
        if key in reserved:
            raise UserError("may not be set: it is set for you")
        if not _KEY.fullmatch(key):
            raise UserError("must be at most 63 letters, digits, '-', '_' and '.', perhaps after a domain and '/'")

    for key, text in wanted.items():
        field = f"{FIELD}.metadata.{part}['{excerpt(key)}']"
        yield Check(field, check_key, key)
        yield Check(field, read, text)


def _context(field: str, source: ContextSource, read: Read) -> Iterator[Check]:
    def check_url(text: str) -> None:
        read(text)
        scheme = _SCHEME.match(text)
        allowed = ("http", "https") if source.http.allow_insecure else ("https",)
        if scheme and scheme[1].lower() not in allowed:
            raise UserError(
                f"must begin with {' or '.join(f'{one}://' for one in allowed)}, not '{excerpt(scheme[0])}'"
            )

    http = source.http
    yield Check(f"{field}.http.url", check_url, http.url)
    for name, text in http.headers.items():
        yield Check(f"{field}.http.headers['{excerpt(name)}']", _check_header, name)
        yield Check(f"{field}.http.headers['{excerpt(name)}']", read, text)
    for index, given in enumerate(http.headers_from):
        yield Check(f"{field}.http.headersFrom[{index}].header", _check_header, given.header)
        secret = f"{field}.http.headersFrom[{index}].secretName"
        yield Check(secret, lambda text: check_name(text, "Secret"), given.secret_name)
    if http.body:
        yield Check(f"{field}.http.body", read, http.body)
    if http.response_filter is not None:
        yield Check(f"{field}.http.responseFilter.expression", parse_json_path, http.response_filter.expression)
    if http.github_app_auth is not None:
        yield Check(f"{field}.http.githubAppAuth.apiBaseURL", check_address, http.github_app_auth.api_base_url)


def _check_header(name: str) -> None:
    if not _HEADER.fullmatch(name):
        raise UserError("must be the name of a header: letters, digits and '-'")
