"""What a spawned Task is called: readable, at most 63 characters, another name for every trigger."""

from __future__ import annotations

import re
from hashlib import sha256

from kelos.api.checks import excerpt
from kelos.api.names import shorten
from kelos.api.task_spawner import TaskSpawner
from kelos.api.work_item import WorkItem
from kelos.errors import UserError
from kelos.spawning.making.texts import parse_text
from kelos.templates import Limits, Template

LONGEST_NAME = 63
FIELD = "taskTemplate.nameTemplate"

_HASH = 8
_NO_VALUE = "<no value>"
_LIMITS = Limits(steps=5_000, output_bytes=4096)
_UPPER_CASE_KEY = re.compile(r"[A-Z][A-Z0-9]*-[0-9]+")  # as Jira has them: none differs from another one by case alone


def task_name(spawner: TaskSpawner, item: WorkItem, *, is_first: bool = True, attempt: int = 0) -> str:
    """The same for the same trigger, always. An item's later Tasks, and further attempts, have a hash at the end."""
    template = spawner.spec.task_template.name_template
    name = _rendered(template, item) if template else _default(spawner.meta.name, item.key)
    if is_first and not attempt:
        return shorten(name, LONGEST_NAME)
    mark = _hash(item.key, item.trigger.key, str(attempt))
    return f"{shorten(name, LONGEST_NAME - _HASH - 1)}-{mark}"


def parse_name_template(text: str) -> Template:
    """The template, or a UserError: names are made before any context is fetched."""
    template = parse_text(text)
    if "Context" in template.words:
        raise UserError("must not use 'Context': a Task has its name before its context is fetched")
    return template


def _default(spawner: str, key: str) -> str:
    """`<spawner>-<key>`; what is lost of the key in a legal name comes back as a hash."""
    legal = re.sub(r"[^a-z0-9-]", "-", key.lower()).strip("-")
    is_plain = bool(legal) and (legal == key or _UPPER_CASE_KEY.fullmatch(key) is not None)
    parts = (spawner.lower(), legal) if is_plain else (spawner.lower(), legal, _hash(key))
    return "-".join(part for part in parts if part)


def _rendered(text: str, item: WorkItem) -> str:
    try:
        rendered = parse_name_template(text).render(item.variables, strict=True, limits=_LIMITS)
    except UserError as mistake:
        raise UserError(f"{FIELD}: {mistake}") from mistake
    if _NO_VALUE in rendered:
        raise UserError(f"{FIELD}: uses a variable that the item does not have: write {{{{with …}}}} around it")
    dashed = re.sub(r"[^a-z0-9.-]", "-", rendered.lower())
    # Its end is cut off and replaced by a hash when it is too long, so that long names stay different.
    name = ".".join(part for piece in shorten(dashed, LONGEST_NAME).split(".") if (part := piece.strip("-")))
    if not name:
        raise UserError(
            f"{FIELD}: gives '{excerpt(rendered)}', of which no legal name is left: use letters or digits in it"
        )
    return name


def _hash(*words: str) -> str:
    return sha256("\n".join(words).encode("utf-8", "replace")).hexdigest()[:_HASH]
