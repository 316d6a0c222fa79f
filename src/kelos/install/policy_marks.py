"""Rules for what a Task says beside its spec: marks by which controller, spawners and reporter know what they did.

They are believed: a forged one has a report written to another place, or an item taken for handled. RBAC cannot keep
whoever may patch a Task from them; so they are kept for those who may write the status, of Tasks or of the TaskSpawner.
"""

from __future__ import annotations

import json

from kelos.api import names
from kelos.api.kinds import GROUP, TASK, TASK_SPAWNER
from kelos.install.policy_cel import Rule

PREFIX = f"{names.DOMAIN}/"
OPEN_ANNOTATIONS = (
    names.ANNOTATION_CANCEL,
    names.ANNOTATION_LEASE,
    names.ANNOTATION_TRIGGERED_BY,
    names.ANNOTATION_SPEC_HASH,
)
OPEN_LABELS = (
    names.LABEL_REPOSITORY,
    names.LABEL_RUN_ID,
    names.LABEL_RUN_ATTEMPT,
    names.LABEL_LEG,
    names.LABEL_SUBJECT,
)
"""What the Action and the CLI write."""

_WHERE = "namespace(object.metadata.namespace)"
_OF_TASKS = f'authorizer.group("{GROUP}").resource("{TASK.plural}").subresource("status").{_WHERE}'
_OF_SPAWNERS = f'authorizer.group("{GROUP}").resource("{TASK_SPAWNER.plural}").subresource("status").{_WHERE}'


def _touched(field: str, opened: tuple[str, ...]) -> str:
    """Keys of ours that come, go, or change."""
    now, before = f"object.metadata.?{field}.orValue({{}})", f"variables.old.?metadata.?{field}.orValue({{}})"
    is_ours = f'k.startsWith("{PREFIX}") && !(k in {json.dumps(opened)})'
    changed = f"{now}.filter(k, {is_ours} && !(k in {before} && {before}[k] == {now}[k]))"
    gone = f"{before}.filter(k, {is_ours} && !(k in {now}))"
    return f'({changed} + {gone}).map(k, "metadata.{field} \'" + k + "\'")'


def _touched_list(field: str, is_ours: str, show: str) -> str:
    """Entries that come or go."""
    now, before = f"object.metadata.?{field}.orValue([])", f"variables.old.?metadata.?{field}.orValue([])"
    changed = f"{now}.filter(e, {is_ours} && !(e in {before})) + {before}.filter(e, {is_ours} && !(e in {now}))"
    return f'({changed}).map(e, "metadata.{field} \'" + {show} + "\'")'


_FINALIZERS = _touched_list("finalizers", f'e.startsWith("{PREFIX}")', "e")
_OWNERS = _touched_list("ownerReferences", f'e.kind == "{TASK_SPAWNER.kind}"', "e.kind")
_SPEAKS_FOR_ITS_SPAWNER = (
    f'object.metadata.?ownerReferences.orValue([]).exists(o, o.kind == "{TASK_SPAWNER.kind}" && '
    f'{_OF_SPAWNERS}.name(o.name).check("patch").allowed())'
)

MARK_VARIABLES = (
    ("old", "oldObject == null ? {} : oldObject"),
    (
        "touched",
        " + ".join((_touched("annotations", OPEN_ANNOTATIONS), _touched("labels", OPEN_LABELS), _FINALIZERS, _OWNERS)),
    ),
    ("isOurs", f'{_OF_TASKS}.check("patch").allowed() || {_SPEAKS_FOR_ITS_SPAWNER}'),
)
_REMEDY = "leave it as it is; controller and spawners write it and rely on it"
MARK_RULES = (
    Rule(
        expression="variables.touched.size() == 0 || variables.isOurs",
        message=f"A mark of the Task in {PREFIX} may not be set or changed here: {_REMEDY}",
        message_expression=f'variables.touched[0] + " may not be set or changed here: {_REMEDY}"',
    ),
)
