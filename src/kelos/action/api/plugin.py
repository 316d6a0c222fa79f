"""Runs exec plugins, the programs by which managed clusters sign people in."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

from kelos.action.api.target import ExecPlugin, Target
from kelos.api.checks import excerpt
from kelos.errors import Unauthorized, UserError

PLUGIN_TIMEOUT_SECONDS = 60.0
OURS = "KELOS_"


def run_plugin(plugin: ExecPlugin, target: Target, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The `status` of the ExecCredential that the plugin prints. Of our own inputs it sees nothing."""
    inherited = {key: value for key, value in (os.environ if env is None else env).items() if not key.startswith(OURS)}
    environment = {**inherited, **dict(plugin.env), "KUBERNETES_EXEC_INFO": json.dumps(_question(plugin, target))}
    try:
        done = subprocess.run(
            [plugin.command, *plugin.args],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PLUGIN_TIMEOUT_SECONDS,
            check=False,
            start_new_session=True,  # the runner's SIGINT must not reach it while we cancel
        )
    except FileNotFoundError as error:
        raise UserError(f"{_name(plugin)} is not on this runner: {_one_line(plugin.install_hint)}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unauthorized(f"{_name(plugin)} did not answer: run it on the runner to see why") from error
    if done.returncode != 0:
        said = _one_line(done.stderr.decode(errors="replace"))
        raise Unauthorized(f"{_name(plugin)} failed with code {done.returncode}: {said}")
    return _status_of(done.stdout, plugin)


def _question(plugin: ExecPlugin, target: Target) -> dict[str, Any]:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.wants_cluster:
        cluster = {
            "server": target.server,
            "certificate-authority-data": base64.b64encode(target.ca).decode(),
            "tls-server-name": target.tls_server_name,
            "insecure-skip-tls-verify": target.insecure,
            "proxy-url": target.proxy_url,
            "config": plugin.config,
        }
        spec["cluster"] = {key: value for key, value in cluster.items() if value}
    return {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}


def _status_of(answer: bytes, plugin: ExecPlugin) -> dict[str, Any]:
    try:
        found = json.loads(answer)
        version, status = found.get("apiVersion", plugin.api_version), found["status"]
    except (ValueError, TypeError, KeyError, AttributeError):
        version, status = plugin.api_version, None
    if version != plugin.api_version:
        raise Unauthorized(
            f"{_name(plugin)} answered in {excerpt(str(version))}, and the kubeconfig asks for {plugin.api_version}: "
            "write the kubeconfig anew with the plugin's own command"
        )
    if not isinstance(status, dict) or not (status.get("token") or _has_pair(status)):
        raise Unauthorized(f"{_name(plugin)} printed no ExecCredential with a token, or certificate and key: update it")
    return status


def _has_pair(status: Mapping[str, Any]) -> bool:
    return bool(status.get("clientCertificateData") and status.get("clientKeyData"))


def _name(plugin: ExecPlugin) -> str:
    return f"The kubeconfig's exec plugin '{excerpt(plugin.command)}'"


def _one_line(text: str) -> str:
    return excerpt(text.strip().splitlines()[-1]) if text.strip() else "it says nothing more"
