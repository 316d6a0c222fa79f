"""~/.kelos/config.yaml: defaults for `kelos run`, read strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kelos.errors import UserError

KEYS = {
    "oauthToken",
    "apiKey",
    "secret",
    "credentialType",
    "type",
    "model",
    "effort",
    "namespace",
    "agentConfig",
    "workspace",
    "env",
}
WORKSPACE_KEYS = {"name", "repo", "ref", "token", "githubApp"}
APP_KEYS = {"appID", "installationID", "privateKeyPath"}
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubApp:
    app_id: str
    installation_id: str
    private_key_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceDefaults:
    """An existing Workspace by name, or a repository that gets one made."""

    name: str = ""
    repo: str = ""
    ref: str = ""
    token: str = field(default="", repr=False)
    github_app: GitHubApp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The file's contents; empty where it says nothing. Tokens never show in a repr."""

    path: str = ""
    oauth_token: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    secret: str = ""
    credential_type: str = ""
    type: str = ""
    model: str = ""
    effort: str = ""
    namespace: str = ""
    agent_config: str = ""
    workspace: WorkspaceDefaults = field(default_factory=WorkspaceDefaults)
    env: tuple[Mapping[str, Any], ...] = ()


def load_config(path: Path, *, is_required: bool) -> Config:
    """Read the file; a missing one is empty unless it was asked for. Raises UserError naming file and key."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if is_required:
            raise UserError(f"Config file '{path}' does not exist; correct --config or run 'kelos init'") from None
        return Config(path=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"Config file '{path}' cannot be read: {error}") from error
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise UserError(f"Config file '{path}'{line} is not YAML; correct it") from None
    return read_config(document, str(path))


def read_config(document: object, path: str) -> Config:
    """The decoded file as a Config. Raises UserError."""
    found = _mapping(document if document is not None else {}, KEYS, path, "")
    if found.get("oauthToken") and found.get("apiKey"):
        raise UserError(f"Config file '{path}' sets both 'oauthToken' and 'apiKey'; keep one")
    return Config(
        path=path,
        oauth_token=_text(found, "oauthToken", path),
        api_key=_text(found, "apiKey", path),
        secret=_text(found, "secret", path),
        credential_type=_text(found, "credentialType", path),
        type=_text(found, "type", path),
        model=_text(found, "model", path),
        effort=_text(found, "effort", path),
        namespace=_text(found, "namespace", path),
        agent_config=_text(found, "agentConfig", path),
        workspace=_workspace(found.get("workspace"), path),
        env=_env(found.get("env"), path),
    )


def secret_text(value: str, path: str) -> str:
    """A literal, or the content of the file that `@path` names."""
    if not value.startswith("@"):
        return value
    file = Path(value[1:]).expanduser()
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UserError(f"'{file}', named in config file '{path}', cannot be read: {reason}") from None


def _workspace(value: object, path: str) -> WorkspaceDefaults:
    if value is None:
        return WorkspaceDefaults()
    found = _mapping(value, WORKSPACE_KEYS, path, "workspace.")
    app = found.get("githubApp")
    if app is not None and found.get("token"):
        raise UserError(f"Config file '{path}' sets both 'workspace.token' and 'workspace.githubApp'; keep one")
    return WorkspaceDefaults(
        name=_text(found, "name", path),
        repo=_text(found, "repo", path),
        ref=_text(found, "ref", path),
        token=_text(found, "token", path),
        github_app=_app(app, path) if app is not None else None,
    )


def _app(value: object, path: str) -> GitHubApp:
    found = _mapping(value, APP_KEYS, path, "workspace.githubApp.")
    missing = sorted(APP_KEYS - {key for key in found if found[key]})
    if missing:
        raise UserError(f"Config file '{path}' lacks 'workspace.githubApp.{missing[0]}'; add it")
    return GitHubApp(
        app_id=str(found["appID"]),
        installation_id=str(found["installationID"]),
        private_key_path=str(found["privateKeyPath"]),
    )


def _env(value: object, path: str) -> tuple[Mapping[str, Any], ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise UserError(f"Config file '{path}': 'env' must be a list of name and value")
    for entry in value:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not VARIABLE.fullmatch(name):
            raise UserError(f"Config file '{path}': an item of 'env' has no legal 'name'")
        sources = [key for key in ("value", "valueFrom") if entry.get(key) is not None]
        if len(sources) != 1:
            raise UserError(f"Config file '{path}': env '{name}' must have either 'value' or 'valueFrom'")
        if sources == ["valueFrom"]:
            _check_reference(entry["valueFrom"], name, path)
        elif not isinstance(entry["value"], str):
            raise UserError(f"Config file '{path}': the value of env '{name}' must be a text; quote it")
    return tuple(value)


def _check_reference(source: object, name: str, path: str) -> None:
    allowed = ("secretKeyRef", "configMapKeyRef")
    refs = [source[key] for key in allowed if key in source] if isinstance(source, dict) else []
    is_whole = len(refs) == 1 and isinstance(refs[0], dict) and bool(refs[0].get("name")) and bool(refs[0].get("key"))
    if not is_whole:
        raise UserError(f"Config file '{path}': env '{name}' needs one of {' or '.join(allowed)} with 'name' and 'key'")


def _mapping(value: object, known: set[str], path: str, prefix: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        where = f"'{prefix.rstrip('.')}'" if prefix else "the file"
        raise UserError(f"Config file '{path}': {where} must map keys to values")
    unknown = sorted(str(key) for key in value if key not in known)
    if unknown:
        raise UserError(
            f"Config file '{path}' has the unknown key '{prefix}{unknown[0]}'; known: {', '.join(sorted(known))}"
        )
    return value


def _text(found: Mapping[str, Any], key: str, path: str) -> str:
    value = found.get(key)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UserError(f"Config file '{path}': '{key}' must be a text")
    return str(value)
