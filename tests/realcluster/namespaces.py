"""Namespaces for tests: one for each, never deleted, because that takes seconds and all end with the server."""

from secrets import token_hex

from .client import Api
from .waiting import wait_for

NAMESPACES = "/api/v1/namespaces"


def create_namespace(api: Api, prefix: str = "test") -> str:
    """A new namespace in which pods may be created."""
    name = f"{prefix}-{token_hex(4)}"
    api.post(NAMESPACES, {"metadata": {"name": name}}).expect()
    await_service_account(api, name)
    return name


def await_service_account(api: Api, namespace: str) -> None:
    """Wait for the account that pods run as; without it every pod is refused."""
    path = f"{NAMESPACES}/{namespace}/serviceaccounts/default"
    wait_for(f"the default ServiceAccount of {namespace}", lambda: api.get(path).status == 200)
