"""MCP servers with their secrets put in.

The document says where a secret is, never what it is:

    {"mcpServers": {"<name>": {"type", "command", "args", "url",
        "headers": {"<header>": "text" or {"$file": "<path>", "optional": true}}, "headersFrom": "<folder>",
        "env": {"<variable>": the same}, "envFrom": "<folder>"}}}

A folder is a mounted Secret: every file in it is a value by the file's name, and wins over the map beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kelos.api.reasons import Reason
from kelos.runner.failure import Failure
from kelos.runner.files import mounted_files

PLAIN = ("type", "command", "args", "url")


def read_servers(text: str) -> tuple[dict[str, dict[str, Any]], frozenset[str]]:
    """Servers by name with all values in place, and the values that are secret. Raises Failure naming the server."""
    if not text.strip():
        return {}, frozenset()
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _invalid(f"The MCP configuration is not JSON: {error}") from error
    servers = found.get("mcpServers", found) if isinstance(found, dict) else None
    if not isinstance(servers, dict) or not all(isinstance(server, dict) for server in servers.values()):
        raise _invalid("The MCP configuration must be an object of servers by name")
    secrets: set[str] = set()
    return {name: _resolved(name, server, secrets) for name, server in servers.items()}, frozenset(secrets)


def _resolved(name: str, server: Mapping[str, Any], secrets: set[str]) -> dict[str, Any]:
    shown = {member: server[member] for member in PLAIN if server.get(member)}
    for member in ("headers", "env"):
        values = _map(name, member, server.get(member) or {}, secrets)
        if folder := server.get(f"{member}From"):
            values |= _folder(name, str(folder), secrets)
        if member == "headers":
            # Files of Secrets often end with a line end, which no header may have.
            values = {key: value.rstrip("\r\n") for key, value in values.items()}
        if values:
            shown[member] = values
    return shown


def _map(name: str, member: str, found: object, secrets: set[str]) -> dict[str, str]:
    if not isinstance(found, dict):
        raise _invalid(f"MCP server '{name}': {member} must be an object")
    values: dict[str, str] = {}
    for key, value in found.items():
        if isinstance(value, dict):
            path, optional = str(value.get("$file") or ""), value.get("optional") is True
            if (text := _text(path)) is not None:
                secrets.add(text)
                values[key] = text
            elif not optional:
                raise _invalid(
                    f"MCP server '{name}': the value of {member} '{key}' is missing at '{path}'; add the key"
                )
        else:
            values[key] = str(value)
    return values


def _folder(name: str, folder: str, secrets: set[str]) -> dict[str, str]:
    root = Path(folder)
    if not root.is_dir():
        raise _invalid(f"MCP server '{name}': its Secret is not mounted at '{folder}'")
    values = {relative: path.read_text("utf-8", "replace") for relative, path in mounted_files(root)}
    secrets.update(values.values())
    return values


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text("utf-8", "replace") if path else None
    except OSError:
        return None


def _invalid(message: str) -> Failure:
    return Failure(Reason.INVALID_SPEC, message)
