"""Our definitions take the place of the reference's, of either generation, while its objects stay."""

from copy import deepcopy
from typing import Any

import pytest

from kelos.install.crds import build_crds, upgrade_patch
from realcluster.control_plane import ControlPlane
from realcluster.waiting import wait_for

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
ROOT = {"type": "object", "properties": {"spec": OPEN, "status": OPEN}}
WEBHOOK = {
    "strategy": "Webhook",
    "webhook": {
        "conversionReviewVersions": ["v1"],
        "clientConfig": {"service": {"namespace": "kelos-system", "name": "kelos-webhook", "path": "/convert"}},
    },
}


def version(name: str, *, stored: bool, deprecated: bool = False) -> dict[str, Any]:
    old = {"deprecated": True} if deprecated else {}
    schema = {"openAPIV3Schema": deepcopy(ROOT)}
    return {"name": name, "served": True, "storage": stored, "schema": schema, "subresources": {"status": {}}, **old}


FIRST = ([version("v1alpha1", stored=True)], {"strategy": "None"})
SECOND = ([version("v1alpha1", stored=False, deprecated=True), version("v1alpha2", stored=True)], WEBHOOK)


def reference_crd(
    ours: dict[str, Any], generation: tuple[list[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any] | None:
    """A definition with the reference's names and versions around an open schema; records came with the second."""
    versions, conversion = generation
    if ours["spec"]["names"]["kind"] == "TaskRecord":
        if generation is FIRST:
            return None
        versions, conversion = [version("v1alpha2", stored=True)], {"strategy": "None"}
    spec = {**ours["spec"], "versions": versions, "conversion": conversion}
    return {**ours, "metadata": {"name": ours["metadata"]["name"]}, "spec": spec}


@pytest.fixture(scope="module")
def plane(cluster_binaries: Any) -> Any:
    """A control plane without any definition of ours, and a webhook service that does not exist."""
    with ControlPlane.start(cluster_binaries) as plane:
        yield plane


def objects(api_version: str) -> list[dict[str, Any]]:
    """One object per kind with what only that generation could say."""
    is_first = api_version.endswith("v1alpha1")
    server = {"name": "m", "type": "stdio", "command": "npx"}
    env: Any = (
        {"TOKEN": "a"} if is_first else [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    )
    flat = {
        "type": "codex",
        "credentials": {"type": "oauth", "secretRef": {"name": "s"}},
        "agentConfigRef": {"name": "a"},
    }
    issues = {"triggerComment": "/go", "labels": ["bug"]}
    checks = {"events": ["check_run"], "filters": [{"event": "check_run", "conclusion": "failure", "checkName": "b*"}]}
    pooled = [{"name": "one", "type": "oauth", "secretRef": {"name": "s"}}]
    shop = {"workspaceRef": {"name": "shop"}}
    spawner = {"when": {"githubIssues": issues}, "taskTemplate": {**flat, **shop}, "pollInterval": "2m"}
    if not is_first:
        spawner = {"when": {"githubWebhook": checks}, "taskTemplate": {"type": "codex", **shop}, "credentials": pooled}
    worker = {"worker": {"type": "codex", "credentials": {"type": "none"}}, "podFailurePolicy": {"rules": []}}
    specs = {
        "Task": {"prompt": "Fix the bug", **(flat if is_first else worker)},
        "TaskSpawner": spawner,
        "Workspace": {"repo": "https://github.com/a/b", **({} if is_first else {"ghproxy": {}})},
        "AgentConfig": {"mcpServers": [{**server, "env": env}]},
    }
    used = {"costUSD": "250m", "inputTokens": 7, "outputTokens": 5}
    record = {"taskRef": {"name": "gone"}, "phase": "Failed", "completionTime": "2026-02-07T09:00:00Z", "usage": used}
    if not is_first:
        specs["TaskRecord"] = {**record, "ttlSecondsAfterCompletion": 2_592_000}
    return [
        {"apiVersion": api_version, "kind": kind, "metadata": {"name": "kept"}, "spec": spec}
        for kind, spec in specs.items()
    ]


def collection(api_version: str, plural: str) -> str:
    return f"/apis/{api_version}/namespaces/default/{plural}"


PLURALS = {crd["spec"]["names"]["kind"]: crd["spec"]["names"]["plural"] for crd in build_crds()}


@pytest.mark.cluster
@pytest.mark.parametrize(("generation", "stored_as"), [(FIRST, "kelos.dev/v1alpha1"), (SECOND, "kelos.dev/v1alpha2")])
def test_an_installation_of_the_reference_is_taken_over(plane: ControlPlane, generation: Any, stored_as: str) -> None:
    """No object is lost or changed, both versions show it whole, and no webhook is asked any more."""
    api = plane.api
    crds = build_crds()
    for crd in crds:
        if (older := reference_crd(crd, generation)) is not None:
            api.post(PATH, older).expect()
    kept = objects(stored_as)
    for thing in kept:
        path = collection(stored_as, PLURALS[thing["kind"]])
        wait_for(path, lambda path=path: api.get(path).status == 200)
        api.post(path, thing).expect()
    status = {"status": {"phase": "Succeeded", "outputs": ["branch: fix"]}}
    api.patch(f"{collection(stored_as, 'tasks')}/kept/status", status).expect()

    for crd in crds:
        path = f"{PATH}/{crd['metadata']['name']}"
        is_new = api.get(path).status == 404
        taken = (api.post(PATH, crd) if is_new else api.patch(path, upgrade_patch(crd))).expect()
        assert {"strategy": "None"} == taken["spec"]["conversion"]

    for version_name in ("kelos.dev/v1alpha1", "kelos.dev/v1alpha2"):
        for thing in kept:
            if thing["kind"] == "TaskRecord" and version_name.endswith("v1alpha1"):
                continue
            path = f"{collection(version_name, PLURALS[thing['kind']])}/kept"
            seen = wait_for(path, lambda path=path: (a := api.get(path)).status == 200 and a.body)
            assert thing["spec"] == seen["spec"]
    task = api.get(f"{collection('kelos.dev/v1alpha2', 'tasks')}/kept").expect()
    assert status["status"] == task["status"]
    api.patch(f"{collection('kelos.dev/v1alpha2', 'tasks')}/kept/status", {"status": {"type": "codex"}}).expect()
    for crd in crds:
        api.delete(f"{PATH}/{crd['metadata']['name']}").expect()
        gone = f"{PATH}/{crd['metadata']['name']}"
        wait_for(f"{gone} to be gone", lambda gone=gone: api.get(gone).status == 404)
