"""The admission policy for those who may create Tasks and nothing else, a CI system's account for example.

A namespace opts in with a label and says what it allows in a ConfigMap; what that leaves out has a default. The order
of the rules is the order in which people hear of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kelos.api.kinds import CONFIG_MAP, GROUP, TASK, Manifest
from kelos.install import rbac
from kelos.install.policy_cel import LIMITS, LISTS, RULES, VARIABLES, Rule
from kelos.install.policy_marks import MARK_RULES, MARK_VARIABLES
from kelos.settings import REGISTRY

API_VERSION = "admissionregistration.k8s.io/v1"
NAME = "kelos-ci-tasks"
MARKS_NAME = "kelos-ci-marks"
PARAMETERS = "kelos-ci-policy"
LABEL = f"{GROUP}/ci-policy"
ENFORCED = "enforced"
CONTAINER_DEFAULTS = {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "10Gi"}
"""What an agent gets that asks for nothing: the policy can only judge what a Task says."""


SUBMITTER = "kelos-ci-submitter"
SUBMITTER_RULES: tuple[rbac.Rule, ...] = (
    (GROUP, (TASK.plural,), ("create", "get", "list", "watch", "patch")),
    ("", ("pods", "pods/log"), ("get",)),
)
"""All that the Action needs, its log and its cancel included."""


def build_policy() -> list[Manifest]:
    """Policies, each with its binding: once in a cluster (Kubernetes 1.30 or newer), without effect where nobody opted
    in. What a Task asks for is judged when it is created, and what it is marked with always."""
    parameters = {"paramKind": {"apiVersion": CONFIG_MAP.api_version, "kind": CONFIG_MAP.kind}}
    # Without a namespace: that of the Task.
    found = {"paramRef": {"name": PARAMETERS, "parameterNotFoundAction": "Deny"}}
    return [
        _policy(NAME, ("CREATE",), VARIABLES, RULES, parameters),
        _binding(NAME, found),
        _policy(MARKS_NAME, ("CREATE", "UPDATE"), MARK_VARIABLES, MARK_RULES, {}),
        _binding(MARKS_NAME, {}),
    ]


def build_opt_in(namespace: str, *, prefix: str = REGISTRY) -> list[Manifest]:
    """What a namespace needs beside its label: what it allows, limits for agents that set none, a submitter's Role."""
    where = {"namespace": namespace, "labels": {"app.kubernetes.io/part-of": "kelos"}}
    limits = {"type": "Container", "default": CONTAINER_DEFAULTS, "defaultRequest": {"cpu": "250m", "memory": "512Mi"}}
    return [
        {
            "apiVersion": CONFIG_MAP.api_version,
            "kind": CONFIG_MAP.kind,
            "metadata": {"name": PARAMETERS, **where},
            "data": {**LISTS, "images": f"{prefix}/*", **LIMITS},
        },
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": PARAMETERS, **where},
            "spec": {"limits": [limits]},
        },
        rbac.role(SUBMITTER, namespace, rbac.rules(SUBMITTER_RULES)),
    ]


def _policy(
    name: str,
    operations: tuple[str, ...],
    variables: Iterable[tuple[str, str]],
    rules: Iterable[Rule],
    parameters: Manifest,
) -> Manifest:
    what = {"apiGroups": [GROUP], "apiVersions": ["*"], "operations": list(operations), "resources": [TASK.plural]}
    return {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "kelos"}},
        "spec": {
            "failurePolicy": "Fail",
            **parameters,
            "matchConstraints": {"resourceRules": [what]},
            "variables": [{"name": name, "expression": expression} for name, expression in variables],
            "validations": list(_validations(rules)),
        },
    }


def _validations(rules: Iterable[Rule]) -> Iterator[Manifest]:
    """403 and our sentence: `kelos run` and the Action end with exit code 3 and show it."""
    for rule in rules:
        yield {
            "expression": rule.expression,
            "message": rule.message,
            "messageExpression": rule.message_expression,
            "reason": "Forbidden",
        }


def _binding(name: str, parameters: Manifest) -> Manifest:
    return {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "kelos"}},
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            **parameters,
            "matchResources": {"namespaceSelector": {"matchLabels": {LABEL: ENFORCED}}},
        },
    }
