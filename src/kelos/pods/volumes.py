"""Volumes of the agent pod and where each container mounts them."""

from __future__ import annotations

from dataclasses import dataclass

from kelos.api import names
from kelos.api.kinds import Manifest
from kelos.pods.claim import claim_name
from kelos.pods.environment import skill_token_path
from kelos.pods.inputs import Inputs
from kelos.pods.instructions import Instructions, Mounts
from kelos.pods.request import JobRequest

READ_ONLY_BY_ALL = 0o444


@dataclass(frozen=True, slots=True, kw_only=True)
class Volumes:
    """Volumes of the pod, mounts of the agent container, mounts of the preparing container."""

    volumes: tuple[Manifest, ...]
    agent: tuple[Manifest, ...]
    prepare: tuple[Manifest, ...]


def build_volumes(request: JobRequest, instructions: Instructions, inputs: Inputs, mounts: Mounts) -> Volumes:
    both = [*_workspace(request), *_token(request), *_inputs(inputs), *_plugins(request, instructions)]
    agent = [*both, _prompt(inputs), *_mcp(mounts)]
    prepare = [*both, *_skill_tokens(instructions)]
    volumes = {volume["name"]: volume for volume, _ in [*agent, *prepare]}
    overrides = request.task.spec.effective.pod_overrides
    return Volumes(
        volumes=(*volumes.values(), *overrides.volumes),
        agent=(*(mount for _, mount in agent), *overrides.volume_mounts),
        prepare=tuple(mount for _, mount in prepare),
    )


Pair = tuple[Manifest, Manifest]


def _pair(name: str, source: Manifest, path: str, *, read_only: bool = False) -> Pair:
    mount: Manifest = {"name": name, "mountPath": path}
    if read_only:
        mount["readOnly"] = True
    return {"name": name, **source}, mount


def _workspace(request: JobRequest) -> list[Pair]:
    workspace = request.workspace
    if workspace is None:
        return []
    if workspace.spec.persistent:
        source: Manifest = {"persistentVolumeClaim": {"claimName": claim_name(workspace)}}
    else:
        source = {"emptyDir": {"sizeLimit": request.settings.workspace_size_limit}}
    return [_pair(names.VOLUME_WORKSPACE, source, names.PATH_WORKSPACE)]


def _token(request: JobRequest) -> list[Pair]:
    """A folder, never a single file of one: only folders are renewed while the pod runs."""
    if not request.git_secret:
        return []
    item = {"key": names.KEY_GITHUB_TOKEN, "path": names.KEY_GITHUB_TOKEN}
    secret = {"secretName": request.git_secret, "items": [item], "defaultMode": READ_ONLY_BY_ALL}
    return [_pair(names.VOLUME_TOKEN, {"secret": secret}, names.PATH_TOKEN_DIR, read_only=True)]


def _inputs(inputs: Inputs) -> list[Pair]:
    if not inputs.files:
        return []
    secret = {"secretName": inputs.secret_name, "items": inputs.items, "defaultMode": READ_ONLY_BY_ALL}
    return [_pair(names.VOLUME_INPUTS, {"secret": secret}, names.PATH_INPUTS, read_only=True)]


def _plugins(request: JobRequest, instructions: Instructions) -> list[Pair]:
    if not instructions.needs_plugin_dir:
        return []
    source = {"emptyDir": {"sizeLimit": request.settings.plugins_size_limit}}
    return [_pair(names.VOLUME_PLUGINS, source, names.PATH_PLUGINS)]


def _prompt(inputs: Inputs) -> Pair:
    if "prompt" in inputs.files:
        item = {"key": inputs.key("prompt"), "path": "prompt"}
        secret = {"secretName": inputs.secret_name, "items": [item], "defaultMode": READ_ONLY_BY_ALL}
        source: Manifest = {"secret": secret}
    else:
        entry: Manifest = {
            "path": "prompt",
            "fieldRef": {"fieldPath": f"metadata.annotations['{names.ANNOTATION_PROMPT}']"},
        }
        source = {"downwardAPI": {"items": [entry], "defaultMode": READ_ONLY_BY_ALL}}
    return _pair(names.VOLUME_PROMPT, source, names.PATH_PROMPT_DIR, read_only=True)


def _mcp(mounts: Mounts) -> list[Pair]:
    found = []
    for number, ((kind, name), path) in enumerate(mounts.sources.items()):
        reference: Manifest = {"secretName": name} if kind == "Secret" else {"name": name}
        field = "secret" if kind == "Secret" else "configMap"
        optional = {} if (kind, name) in mounts.required else {"optional": True}
        source = {field: {**reference, **optional, "defaultMode": READ_ONLY_BY_ALL}}
        found.append(_pair(f"kelos-mcp-{number}", source, path, read_only=True))
    return found


def _skill_tokens(instructions: Instructions) -> list[Pair]:
    found = []
    for number, skill in enumerate(instructions.skills):
        if skill.secret_ref is None:
            continue
        source = {"secret": {"secretName": skill.secret_ref.name, "defaultMode": READ_ONLY_BY_ALL}}
        folder = skill_token_path(number).rpartition("/")[0]
        found.append(_pair(f"kelos-skill-token-{number}", source, folder, read_only=True))
    return found
