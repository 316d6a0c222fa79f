"""Tokens and repositories from the config file become Secrets and a Workspace in the cluster."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kelos.agents.registry import find_agent
from kelos.api.kinds import SECRET, WORKSPACE, Kind, Manifest
from kelos.cli.config import Config, WorkspaceDefaults, secret_text
from kelos.cluster.protocol import Cluster
from kelos.errors import NotFound, UserError

CREDENTIALS_SECRET = "kelos-credentials"
WORKSPACE_NAME = "kelos-workspace"
WORKSPACE_SECRET = "kelos-workspace-credentials"
EMPTY = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a Task refers to, and the objects that must exist first."""

    credentials_type: str
    credentials_secret: str
    workspace: str
    manifests: tuple[tuple[Kind, Manifest], ...] = ()


def prepare(
    config: Config, *, agent_type: str, secret: str, credential_type: str, workspace: str, namespace: str
) -> Prepared:
    """Flags before the file; the file's tokens become Secrets. Raises UserError."""
    made: list[tuple[Kind, Manifest]] = []
    kind, name = credential_type, secret
    if not secret and not credential_type and find_agent(agent_type).credential_env("api-key") is None:
        kind, name = "none", ""  # the file's credentials are for agents that sign in
    elif not secret and not credential_type:
        kind, name = config.credential_type, config.secret
        if not name:
            kind, name = _from_token(config, agent_type, namespace, made)
    if name and not kind:
        kind = "api-key"
    chosen = workspace or config.workspace.name
    if not chosen and config.workspace.repo:
        chosen = WORKSPACE_NAME
        made += _workspace(config.workspace, namespace, config.path)
    return Prepared(credentials_type=kind, credentials_secret=name, workspace=chosen, manifests=tuple(made))


async def write(cluster: Cluster, prepared: Prepared, *, confirm: Callable[[str], None]) -> None:
    """Create what is missing; what is there and differs is replaced once `confirm` has not objected."""
    for kind, manifest in prepared.manifests:
        meta = manifest["metadata"]
        try:
            there = await cluster.get(kind, meta["namespace"], meta["name"])
        except NotFound:
            await cluster.create(kind, manifest)
            continue
        if _content(there) == _content(manifest):
            continue
        confirm(f"{kind} '{meta['name']}' in namespace '{meta['namespace']}' exists with other contents. Replace it?")
        meta = {**meta, "resourceVersion": there["metadata"]["resourceVersion"]}
        await cluster.replace(kind, {**manifest, "metadata": meta})


def _from_token(config: Config, agent_type: str, namespace: str, made: list[tuple[Kind, Manifest]]) -> tuple[str, str]:
    kind = "oauth" if config.oauth_token else "api-key" if config.api_key else ""
    if not kind:
        return "", ""
    token = secret_text(config.oauth_token or config.api_key, config.path)
    key = find_agent(agent_type).credential_env(kind)
    if key is None:
        return "none", ""
    made.append((SECRET, _secret(CREDENTIALS_SECRET, namespace, {key: "" if token == EMPTY else token})))
    return kind, CREDENTIALS_SECRET


def _workspace(defaults: WorkspaceDefaults, namespace: str, path: str) -> list[tuple[Kind, Manifest]]:
    spec: Manifest = {"repo": defaults.repo}
    if defaults.ref:
        spec["ref"] = defaults.ref
    made: list[tuple[Kind, Manifest]] = []
    data: dict[str, str] = {}
    if defaults.token:
        data = {"GITHUB_TOKEN": secret_text(defaults.token, path)}
    elif (app := defaults.github_app) is not None:
        key = Path(app.private_key_path).expanduser()
        try:
            pem = key.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not a PEM file"
            raise UserError(f"Private key '{key}', named in config file '{path}', cannot be read: {reason}") from None
        data = {"appID": app.app_id, "installationID": app.installation_id, "privateKey": pem}
    if data:
        spec["secretRef"] = {"name": WORKSPACE_SECRET}
        made.append((SECRET, _secret(WORKSPACE_SECRET, namespace, data)))
    meta = {"name": WORKSPACE_NAME, "namespace": namespace}
    manifest = {"apiVersion": WORKSPACE.api_version, "kind": WORKSPACE.kind, "metadata": meta, "spec": spec}
    return [*made, (WORKSPACE, manifest)]


def _secret(name: str, namespace: str, values: dict[str, str]) -> Manifest:
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {"name": name, "namespace": namespace},
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def _content(manifest: Manifest) -> object:
    if manifest["kind"] == SECRET.kind:
        return manifest.get("data") or {}
    return {key: manifest["spec"].get(key) for key in ("repo", "ref", "secretRef")}
