"""Finds and reads a kubeconfig: which server, trusted how, signed in as whom."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kelos.action.api.proxy import parse_proxy, proxy_for
from kelos.action.api.target import ExecPlugin, Target
from kelos.action.documents import read_document
from kelos.api.checks import excerpt
from kelos.errors import UserError

WHAT = "The kubeconfig"
EXEC_GROUP = "client.authentication.k8s.io"
EXEC_VERSIONS = (f"{EXEC_GROUP}/v1", f"{EXEC_GROUP}/v1beta1")
BASE64 = re.compile(r"[A-Za-z0-9+/_=-]{200,}")  # longer than paths are
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def find_target(
    given: str, context: str, env: Mapping[str, str], home: Path, *, account: Path = SERVICE_ACCOUNT
) -> Target:
    """The cluster to talk to: the input (content or path), else $KUBECONFIG, ~/.kube/config, the pod's own cluster."""
    if given and is_content(given):
        return parse(read_document(given, WHAT), context=context, folder=Path.cwd(), env=env)
    paths = [Path(given)] if given else [Path(part) for part in env.get("KUBECONFIG", "").split(os.pathsep) if part]
    if not paths and (home / ".kube/config").is_file():
        paths = [home / ".kube/config"]
    if paths:
        return parse(_merged(paths), context=context, folder=paths[0].parent.absolute(), env=env)
    if env.get("KUBERNETES_SERVICE_HOST") and (account / "token").is_file():
        return _in_cluster(env, account)
    raise UserError(
        "There is no kubeconfig: set the input `kubeconfig` to its content or path, or the variable KUBECONFIG"
    )


def is_content(given: str) -> bool:
    """A path has one line and does not begin like a document."""
    return "\n" in given.strip() or given.lstrip().startswith(("{", "apiVersion:"))


def parse(
    document: Mapping[str, Any], *, context: str = "", folder: Path, env: Mapping[str, str] = MappingProxyType({})
) -> Target:
    """The chosen context of a kubeconfig. Its relative paths start from `folder`; `env` may name a proxy."""
    name = context or document.get("current-context") or ""
    if not name:
        raise UserError(f"{WHAT} has no current-context: set the input `kube-context`")
    chosen = _named(document, "contexts", "context", name)
    cluster = _named(document, "clusters", "cluster", str(chosen.get("cluster") or ""))
    user = _named(document, "users", "user", str(chosen["user"])) if chosen.get("user") else {}
    server = str(cluster.get("server") or "")
    if not server.startswith(("https://", "http://")):
        raise UserError(f"{WHAT}'s cluster '{chosen.get('cluster')}' has no address: set `server` to an https:// URL")
    if cluster.get("insecure-skip-tls-verify") and _has_authority(cluster):
        raise UserError(f"{WHAT} has a certificate-authority and `insecure-skip-tls-verify`: remove the latter")
    if user.get("auth-provider"):
        raise UserError(f"{WHAT} uses `auth-provider`, which Kubernetes removed: use `exec` or a token instead")
    proxy_url = str(cluster.get("proxy-url") or "")
    return Target(
        server=server.rstrip("/"),
        proxy=parse_proxy(proxy_url, f"{WHAT}'s `proxy-url`") if proxy_url else proxy_for(server, env),
        proxy_url=proxy_url,
        namespace=str(chosen.get("namespace") or "default"),
        tls_server_name=str(cluster.get("tls-server-name") or ""),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        ca=_bytes(cluster, "certificate-authority", folder),
        certificate=_bytes(user, "client-certificate", folder),
        key=_bytes(user, "client-key", folder),
        token=str(user.get("token") or "").strip(),
        token_file=folder / str(user["tokenFile"]) if user.get("tokenFile") else None,
        username=str(user.get("username") or ""),
        password=str(user.get("password") or ""),
        exec=_exec_plugin(user["exec"], cluster, folder) if user.get("exec") else None,
    )


def _merged(paths: list[Path]) -> dict[str, Any]:
    """Several files count as one; of two entries with one name the first wins, as kubectl has it."""
    merged: dict[str, Any] = {"clusters": [], "contexts": [], "users": []}
    texts = [(path, _read(path)) for path in paths if len(paths) == 1 or path.is_file()]
    if not texts:
        raise UserError(f"{WHAT} '{paths[0]}' does not exist: check the variable KUBECONFIG")
    for path, text in texts:
        document = read_document(text, f"{WHAT} '{path}'")
        for key in ("clusters", "contexts", "users"):
            merged[key] += _list(document, key)
        merged["current-context"] = merged.get("current-context") or document.get("current-context")
    return merged


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        if BASE64.fullmatch(str(path)):
            # What is no path may be a secret, of which the runner hides the whole and not a part.
            raise UserError(f"{WHAT} is no path and looks like base64: hand it on decoded") from None
        why = getattr(error, "strerror", None) or "it is not text"
        raise UserError(
            f"{WHAT} '{excerpt(str(path))}' cannot be read ({why}): give the path of a file, or the content itself"
        ) from error


def _list(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    entries = document.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{WHAT}'s `{key}` is not a list of named entries: check its indentation")
    return entries


def _named(document: Mapping[str, Any], key: str, inner: str, name: str) -> dict[str, Any]:
    entries = _list(document, key)
    for entry in entries:
        if entry.get("name") == name:
            found = entry.get(inner) or {}
            if not isinstance(found, dict):
                raise UserError(f"{WHAT}'s {inner} '{name}' is not a mapping: check its indentation")
            return found
    known = ", ".join(sorted(str(entry.get("name")) for entry in entries)) or "none"
    raise UserError(f"{WHAT} has no {inner} '{name}': it has {known}")


def _bytes(entry: Mapping[str, Any], key: str, folder: Path) -> bytes:
    if data := entry.get(f"{key}-data"):
        try:
            return base64.b64decode(str(data), validate=True)
        except (binascii.Error, ValueError) as error:
            raise UserError(f"{WHAT}'s `{key}-data` is not base64: copy the kubeconfig again, whole") from error
    if not entry.get(key):
        return b""
    path = folder / str(entry[key])
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{WHAT}'s `{key}` file '{path}' cannot be read: embed it with `kubectl config view --raw --flatten`"
        ) from error


def _exec_plugin(plugin: object, cluster: Mapping[str, Any], folder: Path) -> ExecPlugin:
    if not isinstance(plugin, dict) or not plugin.get("command"):
        raise UserError(f"{WHAT}'s `exec` names no command: copy the kubeconfig again, whole")
    command, version = str(plugin["command"]), str(plugin.get("apiVersion") or "")
    if version not in EXEC_VERSIONS:
        found = excerpt(version) or "empty"
        raise UserError(
            f"{WHAT}'s `exec` has the apiVersion {found}: update the plugin to {' or '.join(EXEC_VERSIONS)}"
        )
    if plugin.get("interactiveMode") == "Always":
        raise UserError(f"{WHAT}'s exec plugin '{excerpt(command)}' needs a terminal: use one that runs without")
    variables = [item for item in plugin.get("env") or () if isinstance(item, dict)]
    return ExecPlugin(
        command=str(folder / command) if "/" in command or "\\" in command else command,
        args=tuple(str(arg) for arg in plugin.get("args") or ()),
        env=tuple((str(item.get("name")), str(item.get("value") or "")) for item in variables),
        api_version=version,
        install_hint=str(plugin.get("installHint") or ""),
        wants_cluster=bool(plugin.get("provideClusterInfo")),
        config=_extension(cluster),
    )


def _extension(cluster: Mapping[str, Any]) -> Any:
    """What the cluster's entry says to exec plugins."""
    for entry in cluster.get("extensions") or ():
        if isinstance(entry, dict) and entry.get("name") == f"{EXEC_GROUP}/exec":
            return entry.get("extension")
    return None


def _has_authority(cluster: Mapping[str, Any]) -> bool:
    return bool(cluster.get("certificate-authority-data") or cluster.get("certificate-authority"))


def _in_cluster(env: Mapping[str, str], account: Path) -> Target:
    """The cluster of the runner's own pod, as its ServiceAccount."""
    host, port = env["KUBERNETES_SERVICE_HOST"], env.get("KUBERNETES_SERVICE_PORT") or "443"
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    namespace = account / "namespace"
    try:
        return Target(
            server=server,
            proxy=proxy_for(server, env),
            namespace=namespace.read_text().strip() if namespace.is_file() else "default",
            ca=(account / "ca.crt").read_bytes(),
            token_file=account / "token",
        )
    except OSError as error:
        raise UserError(f"The ServiceAccount in '{account}' cannot be read: {error.strerror}") from error
