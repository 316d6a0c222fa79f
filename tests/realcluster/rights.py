"""Rights that were just given: an API server reads roles and bindings by a watch of its own, and so a moment late."""

from collections.abc import Mapping, Sequence
from typing import Any

from .client import Api
from .waiting import wait_for

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


def await_rights(api: Api, user: str, namespace: str, rules: Sequence[Mapping[str, Any]]) -> None:
    """Wait until the server lets the user do what the first of a Role's rules says; it knows the others with it."""
    rule = rules[0]
    resource, _, part = rule["resources"][0].partition("/")
    asked = {"namespace": namespace, "group": rule["apiGroups"][0], "verb": rule["verbs"][0]}
    asked |= {"resource": resource, "subresource": part}
    review = {"spec": {"user": user, "resourceAttributes": asked}}
    wait_for(
        f"the rights of {user} in {namespace}", lambda: api.post(REVIEWS, review).expect()["status"]["allowed"] is True
    )


def service_account(namespace: str, name: str) -> str:
    """The user that a ServiceAccount is."""
    return f"system:serviceaccount:{namespace}:{name}"
