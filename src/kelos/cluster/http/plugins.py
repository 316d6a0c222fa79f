"""Credential plugins: programs that a kubeconfig names and that print an ExecCredential."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from kelos.cluster.access import ClusterAccess, embedded
from kelos.errors import UserError

PLUGIN_SECONDS = 60
LONGEST_TALK = 300


async def run_plugin(access: ClusterAccess) -> Mapping[str, Any]:
    """The `status` of the ExecCredential that the user's plugin prints. Raises UserError."""
    settings = access.user["exec"]
    if not isinstance(settings, dict) or not settings.get("command"):
        raise UserError(f"The exec section of {access.origin} names no command; add 'command:'")
    plugin = f"Credential plugin '{settings['command']}' of {access.origin}"
    if settings.get("interactiveMode") == "Always":
        raise UserError(f"{plugin} wants a terminal, which it does not get here; use a service account's token instead")
    output = await _output(settings, _environment(settings, access), plugin)
    return credential_status(output, str(settings.get("apiVersion")), plugin)


async def _output(settings: Mapping[str, Any], environment: Mapping[str, str], plugin: str) -> bytes:
    arguments = [str(argument) for argument in settings.get("args") or ()]
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            str(settings["command"]), *arguments, stdin=nothing, stdout=pipe, stderr=pipe, env=environment
        )
    except OSError as error:
        hint = " ".join(str(settings.get("installHint") or "install it or correct 'command'").split())
        raise UserError(f"{plugin} cannot be run: {error.strerror}; {hint}") from None
    try:
        async with asyncio.timeout(PLUGIN_SECONDS):
            output, talk = await process.communicate()
    except TimeoutError:
        raise UserError(f"{plugin} did not end within {PLUGIN_SECONDS} seconds; run it by hand to see why") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise UserError(f"{plugin} failed with exit code {process.returncode}: {_last_line(talk)}")
    return output


def credential_status(output: bytes, api_version: str, plugin: str) -> Mapping[str, Any]:
    """The status of an ExecCredential, checked. The output is never quoted: it holds the token. Raises UserError."""
    try:
        credential = json.loads(output)
        status, answered = credential["status"], credential["apiVersion"]
        expiry = status.get("expirationTimestamp")
        if expiry:
            datetime.fromisoformat(str(expiry))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UserError(f"{plugin} did not print an ExecCredential with a status; run it by hand to see why") from None
    if answered != api_version:
        raise UserError(f"{plugin} does not speak {api_version}; correct 'apiVersion' or update the plugin")
    if not status.get("token") and not (status.get("clientCertificateData") and status.get("clientKeyData")):
        raise UserError(f"{plugin} gave neither a token nor a certificate with its key; run it by hand to see why")
    return dict(status)


def _environment(settings: Mapping[str, Any], access: ClusterAccess) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": False}
    if settings.get("provideClusterInfo"):
        spec["cluster"] = _cluster_info(access)
    request = {"apiVersion": settings.get("apiVersion"), "kind": "ExecCredential", "spec": spec}
    given = {str(item["name"]): str(item["value"]) for item in settings.get("env") or ()}
    return {**os.environ, **given, "KUBERNETES_EXEC_INFO": json.dumps(request)}


def _cluster_info(access: ClusterAccess) -> dict[str, Any]:
    """What a plugin may know of the cluster, with the certificate embedded and its own settings as `config`."""
    cluster = access.cluster
    info = {
        name: cluster[name] for name in ("tls-server-name", "insecure-skip-tls-verify", "proxy-url") if name in cluster
    }
    info["server"] = access.server
    authority = embedded(cluster, "certificate-authority")
    if authority is None and cluster.get("certificate-authority"):
        authority = Path(str(cluster["certificate-authority"])).read_bytes()
    if authority is not None:
        info["certificate-authority-data"] = base64.b64encode(authority).decode()
    for extension in cluster.get("extensions") or ():
        if extension.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = extension.get("extension")
    return info


def _last_line(talk: bytes) -> str:
    lines = talk.decode(errors="replace").strip().splitlines()
    said = "".join(letter if letter.isprintable() else "?" for letter in lines[-1]) if lines else "it said nothing"
    return said[:LONGEST_TALK]
