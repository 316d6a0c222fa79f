"""A GitHub App for tests: its key in both forms, the Secret people make of it, and what GitHub knows of it."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import make
from fakes.github_app import App, GitHub
from kelos.api.kinds import Manifest

APP_ID, INSTALLATION_ID = "12345", "678"


@cache
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def pem(form: PrivateFormat = PrivateFormat.TraditionalOpenSSL) -> str:
    """PKCS1, as GitHub gives it out, or another form."""
    return key().private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def app(**known: Any) -> App:
    public = key().public_key().public_numbers()
    return App(
        **{"app_id": APP_ID, "installation_id": INSTALLATION_ID, "modulus": public.n, "exponent": public.e, **known}
    )


def app_data(**data: str) -> dict[str, str]:
    return {"appID": APP_ID, "installationID": INSTALLATION_ID, "privateKey": pem(), **data}


def app_secret(name: str = "app", **data: str) -> Manifest:
    """As people apply it."""
    return make.secret_manifest(name, **app_data(**data))


def stored_secret(name: str = "app", version: str = "1", **data: str) -> Manifest:
    """As the API server hands it out."""
    encoded = {field: base64.b64encode(text.encode()).decode() for field, text in app_data(**data).items()}
    meta = {"name": name, "namespace": make.NAMESPACE, "uid": f"uid-{name}", "resourceVersion": version}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded}


def client(github: GitHub) -> httpx.AsyncClient:
    """A way to that GitHub without a network."""

    def handle(request: httpx.Request) -> httpx.Response:
        found = github.answer(request.method, request.url.path, request.headers, request.content)
        return httpx.Response(found.status, json=found.body, headers=found.headers)

    return httpx.AsyncClient(transport=httpx.MockTransport(handle))
