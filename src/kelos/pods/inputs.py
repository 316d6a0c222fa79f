"""The owned Secret `<job>-inputs-<hash>`: everything the pod needs as files instead of literals."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256

from kelos.api import names
from kelos.api.kinds import SECRET, Manifest
from kelos.api.task import Task
from kelos.api.workspace import Workspace
from kelos.errors import UserError
from kelos.pods.instructions import Instructions, Mounts, mcp_document, plugin_files

SECRET_LIMIT_BYTES = 1_000_000  # the API server refuses Secrets over 1 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Files by path below the inputs folder, and the Secret keys that carry them."""

    secret_name: str
    files: dict[str, str]

    def key(self, path: str) -> str:
        """The Secret key of a file: its place in order, for a path may hold characters a key may not."""
        return f"f{list(self.files).index(path)}"

    @property
    def items(self) -> list[Manifest]:
        return [{"key": self.key(path), "path": path} for path in self.files]


def secret_name(job_name: str, files: dict[str, str]) -> str:
    """Other contents are another Secret: what an earlier, interrupted start left behind cannot be mistaken for it."""
    digest = sha256(json.dumps(files).encode()).hexdigest()[:10]
    return names.shorten(f"{job_name}-inputs-{digest}", 253)


def gather(
    *, job_name: str, prompt: str, workspace: Workspace | None, instructions: Instructions, mounts: Mounts
) -> Inputs:
    """Collect the files. The prompt is among them only when it is too long for the pod's annotation."""
    files: dict[str, str] = {}
    if not fits_annotation(prompt):
        files["prompt"] = prompt
    if instructions.agents_md:
        files[names.INPUT_AGENTS_MD] = instructions.agents_md
    if instructions.mcp_servers:
        files[names.INPUT_MCP] = json.dumps(mcp_document(instructions.mcp_servers, mounts), ensure_ascii=False)
    for path, content in plugin_files(instructions.plugins).items():
        files[f"{names.INPUT_PLUGINS}/{path}"] = content
    for file in workspace.spec.files if workspace is not None else ():
        files[f"{names.INPUT_FILES}/{file.path}"] = file.content
    return Inputs(secret_name=secret_name(job_name, files), files=files)


def build_secret(inputs: Inputs, task: Task, labels: Manifest, owner: Manifest) -> Manifest | None:
    """The Secret, or None when there is nothing to carry. Raises UserError when it would be too large."""
    if not inputs.files:
        return None
    size = sum(len(content.encode()) for content in inputs.files.values())
    if size > SECRET_LIMIT_BYTES:
        raise UserError(
            f"Task '{task.meta.name}': prompt, instructions, plugins and workspace files are {size} bytes together; "
            f"the limit is {SECRET_LIMIT_BYTES}. Put large files into the repository"
        )
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {
            "name": inputs.secret_name,
            "namespace": task.meta.namespace,
            "labels": labels,
            "ownerReferences": [owner],
        },
        "immutable": True,
        "stringData": {inputs.key(path): content for path, content in inputs.files.items()},
    }


def fits_annotation(prompt: str) -> bool:
    return len(prompt.encode()) <= names.PROMPT_ARGUMENT_LIMIT_BYTES
