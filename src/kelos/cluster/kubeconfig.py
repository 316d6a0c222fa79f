"""Where the cluster is and who we are: a kubeconfig, as kubectl reads it, or the pod's own service account."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kelos.cluster.access import ClusterAccess, Document, Source, file_settings, select
from kelos.errors import UserError

__all__ = ["ClusterAccess", "load_access", "parse"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def load_access(
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
) -> ClusterAccess:
    """The first of `kubeconfig`, KUBECONFIG, ~/.kube/config and the pod's service account. Raises UserError."""
    if paths := _paths(kubeconfig, environ):
        access = select([_read(path) for path in paths], context)
        _check_files(access)
        return access
    if context:
        raise UserError(f"Context '{context}' was asked for, but there is no kubeconfig; name one with --kubeconfig")
    return _in_cluster(environ, service_account)


def _paths(kubeconfig: str | None, environ: Mapping[str, str]) -> Sequence[Path]:
    if kubeconfig:
        path = Path(kubeconfig).expanduser()
        if not path.exists():
            raise UserError(f"Kubeconfig '{path}' does not exist; correct --kubeconfig")
        return [path]
    named = [Path(name).expanduser() for name in environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    if named:
        existing = [path for path in named if path.exists()]
        if not existing:
            raise UserError(
                f"KUBECONFIG names {_listed(named)}, and nothing is there; correct the variable or unset it "
                "('kelos up' takes its file along when it ends)"
            )
        return existing
    default = Path(environ.get("HOME") or "~").expanduser() / ".kube" / "config"
    return [default] if default.exists() else []


def _in_cluster(environ: Mapping[str, str], folder: Path) -> ClusterAccess:
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise UserError(
            "No cluster is configured: there is no --kubeconfig, KUBECONFIG, ~/.kube/config or service account; "
            "name a kubeconfig with --kubeconfig, start a cluster with 'kelos up', or use 'kelos run --local'"
        )
    namespace = folder / "namespace"
    access = ClusterAccess(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
        origin=f"service account '{folder}'",
        cluster={"certificate-authority": str(folder / "ca.crt")},
        user={"tokenFile": str(folder / "token")},
    )
    _check_files(access)
    return access


def _read(path: Path) -> Source:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UserError(f"Kubeconfig '{path}' cannot be read: {why}; check the file and its permissions") from None
    document = parse(str(path), text)
    return Source(path=str(path), folder=str(path.absolute().parent), document=document)


def parse(name: str, text: str) -> Document:
    """One kubeconfig, JSON or YAML. Errors tell the place and never the text, which holds credentials."""
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else _parse_yaml(text)
    except ValueError as error:
        raise UserError(f"Kubeconfig '{name}' does not parse: {error}; it must be YAML or JSON") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UserError(f"Kubeconfig '{name}' is not a mapping of clusters, users and contexts; check the file")
    return document


def _parse_yaml(text: str) -> object:
    import yaml  # JSON kubeconfigs, such as the local plane's, go without its import time

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ValueError(f"line {mark.line + 1}, column {mark.column + 1}" if mark else "broken YAML") from None
    except yaml.YAMLError:
        raise ValueError("it has characters that YAML does not allow") from None


def _check_files(access: ClusterAccess) -> None:
    for setting, path in file_settings(access):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise UserError(
                f"{setting} '{path}', named by {access.origin}, cannot be read: {error.strerror}; "
                "restore the file or correct the path"
            ) from None


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(f"'{path}'" for path in paths)
