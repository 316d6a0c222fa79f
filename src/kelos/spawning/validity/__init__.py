"""What no schema can see in a TaskSpawner: one sentence per mistake, with the field it is in; none means fit to run."""

from __future__ import annotations

from collections.abc import Iterator

from kelos.api.checks import check_name
from kelos.api.polling import poll_seconds
from kelos.api.task_spawner import NAME_LIMIT, TaskSpawner
from kelos.errors import UserError
from kelos.spawning.validity.check import Check, mistakes
from kelos.spawning.validity.sources import source_checks
from kelos.spawning.validity.template import task_mistakes, template_checks
from kelos.spawning.validity.variables import known_of


def check_task_spawner(spawner: TaskSpawner) -> tuple[str, ...]:
    """Everything that is wrong with it, so that one edit can mend it all."""
    return tuple(_mistakes(spawner))


def _mistakes(spawner: TaskSpawner) -> Iterator[str]:
    spec, name = spawner.spec, spawner.meta.name
    if len(name) > NAME_LIMIT:
        yield f"metadata.name must have at most {NAME_LIMIT} characters: its Tasks carry it as a label"
    try:
        yield from mistakes(source_checks(spec.when))
    except UserError as mistake:
        yield str(mistake)
    if spec.poll_interval:
        yield from mistakes([Check("spec.pollInterval", poll_seconds, spec.poll_interval)])
    yield from mistakes(template_checks(spec.task_template, known_of(spawner)))
    yield from mistakes(
        Check(
            f"spec.credentials[{index}].secretRef.name", lambda text: check_name(text, "Secret"), entry.secret_ref.name
        )
        for index, entry in enumerate(spec.credentials)
    )
    yield from task_mistakes(spawner)
