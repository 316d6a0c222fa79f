"""Kubeconfigs for one control plane: self-contained files, as people carry them around."""

import base64
import json
from pathlib import Path

from .pki import Pair


def write_kubeconfig(
    file: Path, *, server: str, authority: Path, pair: Pair | None = None, token: str | None = None
) -> Path:
    """Write a kubeconfig (JSON, which is YAML) that proves itself with a client certificate or a token."""
    user = {}
    if pair is not None:
        user = {"client-certificate-data": _data(pair.certificate), "client-key-data": _data(pair.key)}
    if token is not None:
        user = {"token": token}
    cluster = {"server": server, "certificate-authority-data": _data(authority)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kelos-test", "cluster": cluster}],
        "users": [{"name": "admin", "user": user}],
        "contexts": [{"name": "kelos-test", "context": {"cluster": "kelos-test", "user": "admin"}}],
        "current-context": "kelos-test",
    }
    file.touch(mode=0o600)
    file.write_text(json.dumps(config, indent=2))
    return file


def _data(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
