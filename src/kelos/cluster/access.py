"""Which cluster, user and proxy a set of kubeconfigs and an environment mean: kubectl's rules, nothing is read here."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from kelos.errors import UserError

Document = Mapping[str, Any]
"""A decoded kubeconfig; anything may be in it."""

CLUSTER_FILES = ("certificate-authority",)
USER_FILES = ("client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One kubeconfig and the folder that its relative paths start from."""

    path: str
    folder: str
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """All that is needed to reach a cluster. `cluster` and `user` are the kubeconfig's sections with absolute paths."""

    server: str
    namespace: str = "default"
    context: str = ""
    origin: str = "the caller"
    cluster: Mapping[str, Any] = field(default_factory=dict, repr=False)
    user: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A named section, and the file it came from."""

    source: Source
    body: Mapping[str, Any]


def select(sources: Sequence[Source], context: str | None = None) -> ClusterAccess:
    """The access that a context (or the current one) names. The first file to name a thing wins. Raises UserError."""
    files = ", ".join(f"'{source.path}'" for source in sources)
    contexts = _entries(sources, "contexts", "context")
    name = context or next((s.document["current-context"] for s in sources if s.document.get("current-context")), None)
    if not contexts:
        raise UserError(f"Kubeconfig {files} has no contexts; check that it is the right file")
    known = ", ".join(sorted(contexts))
    if name is None:
        raise UserError(f"Kubeconfig {files} has no current context; choose one with --context: {known}")
    chosen = contexts.get(str(name))
    if chosen is None:
        raise UserError(f"Kubeconfig {files} has no context '{name}'; choose one of: {known}")
    where = f"Kubeconfig '{chosen.source.path}', context '{name}',"
    cluster = _named(_entries(sources, "clusters", "cluster"), chosen, "cluster", where)
    user = _named(_entries(sources, "users", "user"), chosen, "user", where) if chosen.body.get("user") else None
    access = ClusterAccess(
        server=_server(cluster.body.get("server"), f"Cluster '{chosen.body['cluster']}' in '{cluster.source.path}'"),
        namespace=str(chosen.body.get("namespace") or "default"),
        context=str(name),
        origin=f"context '{name}' of kubeconfig '{chosen.source.path}'",
        cluster=_with_absolute_paths(cluster, CLUSTER_FILES),
        user=_with_absolute_paths(user, USER_FILES) if user else {},
    )
    _check_data(access)
    return access


def file_settings(access: ClusterAccess) -> Iterator[tuple[str, str]]:
    """The files that this access reads, each with the name of its setting; embedded data takes precedence."""
    for section, settings in ((access.cluster, CLUSTER_FILES), (access.user, USER_FILES)):
        for setting in settings:
            if section.get(setting) and not section.get(f"{setting}-data"):
                yield setting, str(section[setting])


def _entries(sources: Sequence[Source], plural: str, singular: str) -> dict[str, _Entry]:
    found: dict[str, _Entry] = {}
    for source in sources:
        items = source.document.get(plural) or []
        if not isinstance(items, list):
            raise UserError(f"'{plural}' in kubeconfig '{source.path}' is not a list; correct the file")
        for item in items:
            body = item.get(singular) if isinstance(item, dict) else None
            if not isinstance(item, dict) or "name" not in item or not isinstance(body or {}, dict):
                raise UserError(
                    f"An item of '{plural}' in kubeconfig '{source.path}' has no 'name' and '{singular}'; correct it"
                )
            found.setdefault(str(item["name"]), _Entry(source=source, body=body or {}))
    return found


def _named(entries: Mapping[str, _Entry], context: _Entry, what: str, where: str) -> _Entry:
    name = context.body.get(what)
    if not name:
        raise UserError(f"{where} names no {what}; add '{what}:' to the context")
    if str(name) not in entries:
        known = ", ".join(sorted(entries)) or "none"
        raise UserError(f"{where} names the unknown {what} '{name}'; known are: {known}")
    return entries[str(name)]


def _server(server: object, where: str) -> str:
    try:
        url = urlsplit(str(server or ""))
        is_usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise UserError(f"{where} has no usable 'server'; it must be an address such as https://10.0.0.1:6443")
    return str(server).rstrip("/")


def _with_absolute_paths(entry: _Entry, settings: Sequence[str]) -> dict[str, Any]:
    body, folder = dict(entry.body), entry.source.folder
    for setting in settings:
        if body.get(setting):
            body[setting] = os.path.join(folder, os.path.expanduser(str(body[setting])))
    plugin = body.get("exec")
    # A bare command is looked up in PATH; one with a slash starts from the kubeconfig's folder.
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command", "")):
        body["exec"] = {**plugin, "command": os.path.join(folder, str(plugin["command"]))}
    return body


def _check_data(access: ClusterAccess) -> None:
    for section, settings in ((access.cluster, CLUSTER_FILES), (access.user, USER_FILES)):
        for setting in settings:
            try:
                embedded(section, setting)
            except ValueError:
                raise UserError(f"'{setting}-data' in {access.origin} is not base64; write the setting anew") from None


def embedded(section: Mapping[str, Any], setting: str) -> bytes | None:
    """What `<setting>-data` holds, decoded. Raises ValueError."""
    data = section.get(f"{setting}-data")
    return base64.b64decode("".join(str(data).split()), validate=True) if data else None


def proxy_for(server: str, environ: Mapping[str, str]) -> str:
    """The proxy's address, or nothing. Loopback is always reached directly."""
    url = urlsplit(server)
    host = url.hostname or ""
    name = f"{url.scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name) or ""
    if not proxy or _is_loopback(host):
        return ""
    excluded = (environ.get("NO_PROXY") or environ.get("no_proxy") or "").lower().split(",")
    if any(_covers(item.strip(), host, url.port or (443 if url.scheme == "https" else 80)) for item in excluded):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _covers(item: str, host: str, port: int) -> bool:
    """Whether one item of NO_PROXY (`*`, a name, `.suffix`, an address, a network, each with an optional port) fits."""
    if item in ("", "*"):
        return item == "*"
    try:
        return ip_address(host) in ip_network(item, strict=False)
    except ValueError:
        pass
    name, colon, wanted_port = item.rpartition(":")
    if colon and wanted_port.isdigit():
        if int(wanted_port) != port:
            return False
        item = name.strip("[]")
    suffix = item.removeprefix("*")
    return host == suffix or host.endswith(suffix if suffix.startswith(".") else f".{suffix}")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
