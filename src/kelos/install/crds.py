"""The CustomResourceDefinitions: both versions of a kind are one schema, so nothing is ever converted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from kelos.api.agent_config import AgentConfig
from kelos.api.kinds import AGENT_CONFIG, CRD, TASK, TASK_RECORD, TASK_SPAWNER, WORKSPACE, Kind, Manifest
from kelos.api.meta import Object
from kelos.api.schema import structural_schema
from kelos.api.task import Task
from kelos.api.task_record import TaskRecord
from kelos.api.task_spawner import TaskSpawner
from kelos.api.workspace import Workspace

VERSIONS = ("v1alpha1", "v1alpha2")
STORED = "v1alpha2"


def _column(name: str, path: str, *, type: str = "string", is_wide: bool = False) -> Manifest:
    return {"name": name, "type": type, "jsonPath": path, **({"priority": 1} if is_wide else {})}


_AGE = _column("Age", ".metadata.creationTimestamp", type="date")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Definition:
    kind: Kind
    model: type[Object]
    columns: tuple[Manifest, ...] = ()
    has_status: bool = False
    short_names: tuple[str, ...] = ()
    versions: tuple[str, ...] = VERSIONS


# The agent may stand in two places of a Task's spec and a column has one path: status.type is what counts.
_DEFINITIONS = (
    _Definition(
        kind=TASK,
        model=Task,
        has_status=True,
        columns=(
            _column("Type", ".status.type"),
            _column("Phase", ".status.phase"),
            _column("Reason", ".status.reason"),
            _column("Branch", ".spec.branch", is_wide=True),
            _column("Depends On", ".spec.dependsOn", is_wide=True),
            _column("Cost", ".status.usage.cost", is_wide=True),
            _AGE,
        ),
    ),
    _Definition(
        kind=WORKSPACE, model=Workspace, columns=(_column("Repo", ".spec.repo"), _column("Ref", ".spec.ref"), _AGE)
    ),
    _Definition(kind=AGENT_CONFIG, model=AgentConfig, columns=(_AGE,)),
    # The Workspace may stand in two places as well; the reference's column has this one.
    _Definition(
        kind=TASK_SPAWNER,
        model=TaskSpawner,
        has_status=True,
        columns=(
            _column("Workspace", ".spec.taskTemplate.workspaceRef.name"),
            _column("Suspend", ".spec.suspend", type="boolean"),
            _column("Phase", ".status.phase"),
            _column("Active", ".status.activeTasks", type="integer"),
            _column("Discovered", ".status.totalDiscovered", type="integer"),
            _column("Tasks", ".status.totalTasksCreated", type="integer"),
            _column("Message", ".status.message", is_wide=True),
            _AGE,
        ),
    ),
    _Definition(
        kind=TASK_RECORD,
        model=TaskRecord,
        short_names=("tr",),
        versions=(STORED,),  # younger than the other one
        columns=(
            _column("Task", ".spec.taskRef.name"),
            _column("Phase", ".spec.phase"),
            _column("Type", ".spec.type"),
            _column("Model", ".spec.model"),
            _column("Cost", ".spec.usage.cost"),
            _column("Input", ".spec.usage.inputTokens", type="integer"),
            _column("Output", ".spec.usage.outputTokens", type="integer"),
            _column("Cache Read", ".spec.usage.cacheReadTokens", type="integer", is_wide=True),
            _column("Cache Write", ".spec.usage.cacheWriteTokens", type="integer", is_wide=True),
            _column("Reason", ".spec.reason", is_wide=True),
            _column("Attempts", ".spec.attempts", type="integer", is_wide=True),
            _column("Workspace", ".spec.workspace", is_wide=True),
            _column("Branch", ".spec.branch", is_wide=True),
            _column("Triggered By", ".spec.triggeredBy", is_wide=True),
            _column("Ended", ".spec.completionTime", type="date"),
        ),
    ),
)


def build_crds() -> list[Manifest]:
    """Every definition we install, ready to be sent to an API server; nothing in them is shared."""
    built: list[Manifest] = json.loads(_encoded())
    return built


@cache
def _encoded() -> str:
    """As JSON: each is built once, which takes much longer than to decode them all."""
    return json.dumps([_build(definition) for definition in _DEFINITIONS])


def upgrade_patch(crd: Manifest) -> Manifest:
    """The JSON merge patch that puts a definition in the place of an earlier one, the reference's included.

    Server-side apply cannot: a conversion webhook belongs to whoever set it (cert-manager too) and would stay.
    """
    spec = {**crd["spec"], "conversion": {"strategy": "None", "webhook": None}}
    return {"metadata": {"labels": crd["metadata"]["labels"]}, "spec": spec}


def _build(definition: _Definition) -> Manifest:
    kind, schema = definition.kind, structural_schema(definition.model)
    return {
        "apiVersion": CRD.api_version,
        "kind": CRD.kind,
        "metadata": {
            "name": f"{kind.plural}.{kind.group}",
            "labels": {"app.kubernetes.io/name": "kelos", "app.kubernetes.io/part-of": "kelos"},
        },
        "spec": {
            "group": kind.group,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                **({"shortNames": list(definition.short_names)} if definition.short_names else {}),
            },
            "scope": "Namespaced",
            "conversion": {"strategy": "None"},
            "versions": [_version(definition, version, schema) for version in definition.versions],
        },
    }


def _version(definition: _Definition, version: str, schema: Manifest) -> Manifest:
    return {
        "name": version,
        "served": True,
        "storage": version == STORED,
        "additionalPrinterColumns": list(definition.columns),
        "schema": {"openAPIV3Schema": schema},
        **({"subresources": {"status": {}}} if definition.has_status else {}),
    }
