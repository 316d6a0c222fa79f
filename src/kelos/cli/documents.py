"""Manifests from files and standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from kelos.api.invented import hints
from kelos.api.kinds import (
    AGENT_CONFIG,
    CONFIG_MAP,
    GROUP,
    NAMESPACE,
    NOT_OURS_YET,
    PVC,
    SECRET,
    SERVICE_ACCOUNT,
    TASK,
    TASK_SPAWNER,
    WORKSPACE,
    Kind,
    Manifest,
)
from kelos.api.manifest import API_VERSIONS
from kelos.errors import UserError

APPLICABLE = {
    (kind.group, kind.kind): kind
    for kind in (TASK, TASK_SPAWNER, WORKSPACE, AGENT_CONFIG, SECRET, CONFIG_MAP, SERVICE_ACCOUNT, NAMESPACE, PVC)
}


def read_documents(name: str) -> list[Manifest]:
    """Every document of a YAML or JSON file (`-` is standard input). Raises UserError naming the file."""
    text = read_text(name)
    import yaml

    try:
        found = list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise UserError(f"'{name}'{line} is not YAML; correct it") from None
    documents: list[Manifest] = []
    for document in (d for d in found if d is not None):
        is_list = isinstance(document, dict) and str(document.get("kind", "")).endswith("List")
        documents += document.get("items") or [] if is_list else [document]
    if not documents:
        raise UserError(f"'{name}' holds no resource; write at least one")
    for document in documents:
        kind_of(document, name)
    return documents


def read_text(name: str) -> str:
    """The text of a file, or of standard input, with its own line ends. Raises UserError naming the file."""
    try:
        return (sys.stdin.buffer.read() if name == "-" else Path(name).expanduser().read_bytes()).decode()
    except FileNotFoundError:
        raise UserError(f"'{name}' does not exist; correct the path") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UserError(f"'{name}' cannot be read: {reason}") from None


def kind_of(document: object, where: str) -> Kind:
    """The kind of a document, in the version it is written in. Raises UserError for what we do not apply."""
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        raise UserError(f"'{where}' holds something that is no resource: it needs apiVersion, kind and metadata")
    group, _, version = str(document.get("apiVersion", "")).rpartition("/")
    kind = str(document.get("kind", ""))
    name = document["metadata"].get("name")
    if not isinstance(name, str) or not name:
        raise UserError(f"'{where}' holds a {kind or 'resource'} without metadata.name; give it one")
    if not document.get("apiVersion"):
        raise UserError(f"{kind or 'Resource'} '{name}' in '{where}' has no apiVersion; write it")
    known = APPLICABLE.get((group, kind))
    if known is None:
        if group == GROUP and kind in NOT_OURS_YET:
            raise UserError(f"{kind} '{name}' in '{where}': this version of kelos does not support {kind}")
        if near := next((one for one in APPLICABLE if one[0] == group and one[1].lower() == kind.lower()), None):
            raise UserError(f"{kind} '{name}' in '{where}': the kind is written {near[1]}")
        raise UserError(f"{kind or 'Resource'} '{name}' in '{where}' is no kind that kelos applies; use kubectl for it")
    served = API_VERSIONS if group == GROUP else (known.api_version,)
    if (written := document.get("apiVersion")) not in served:
        right = " or ".join(reversed(served))
        raise UserError(f"{kind} '{name}' in '{where}': nobody serves apiVersion {written}; write {right}")
    if mistakes := "; ".join(hints(document)):
        raise UserError(f"{kind} '{name}' in '{where}': {mistakes}")
    return Kind(group=known.group, version=version, kind=known.kind, plural=known.plural, namespaced=known.namespaced)
