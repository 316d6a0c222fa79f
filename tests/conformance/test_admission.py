"""Manifests of our kinds: accepted and refused alike by the local plane and by a real API server."""

from typing import Any

import pytest

from admission import Case, cases, seeds, trimmed_seed, whole_seeds

from .servers import Server, stored

KINDS = {
    "Task": "tasks",
    "TaskSpawner": "taskspawners",
    "Workspace": "workspaces",
    "AgentConfig": "agentconfigs",
    "TaskRecord": "taskrecords",
}
STORED = "kelos.dev/v1alpha2"


def collection(server: Server, manifest: dict[str, Any]) -> str:
    return server.path(manifest["apiVersion"], KINDS[manifest["kind"]])


def refusal(server: Server, case: Case) -> str:
    """What the server says to the manifest; nothing when it accepts it."""
    path = collection(server, case.manifest)
    if case.old is None:
        answer = server.api.post(path, case.manifest, dryRun="All")
    else:
        old = stored(server.api.post(path, case.old))
        answer = server.api.put(f"{path}/case", {**old, "spec": case.manifest["spec"]}, dryRun="All")
        server.api.delete(f"{path}/case").expect()
    return "" if answer.status < 300 else f"{answer.status} {answer.body['message']}"


@pytest.mark.parametrize(("kind", "version"), sorted({(case.kind, case.version) for case in cases()}))
def test_manifests_are_judged_by_the_rules(server: Server, kind: str, version: str) -> None:
    """Every rule has a manifest that it lets through and one that it refuses with its sentence."""
    asked = [case for case in cases() if (case.kind, case.version) == (kind, version)]

    said = {case.id: refusal(server, case) for case in asked}

    assert {} == {case.id: said[case.id] for case in asked if bool(case.says) != bool(said[case.id])}
    assert {} == {case.id: said[case.id] for case in asked if case.says not in said[case.id]}


def test_manifests_of_the_reference_apply_unchanged(server: Server) -> None:
    """Strictly: no field of theirs is unknown here."""
    manifests = whole_seeds(*KINDS)

    for manifest in manifests:
        server.api.post(collection(server, manifest), manifest, fieldValidation="Strict", dryRun="All").expect()

    assert 16 == len(manifests)


def test_invented_fields_are_refused_not_half_obeyed(server: Server) -> None:
    """As kubectl sends them. A field that nobody reads must not look as if it worked."""
    for manifest in seeds("field-guide", *KINDS):
        answer = server.api.post(collection(server, manifest), manifest, fieldValidation="Strict")

        assert (400, True) == (answer.status, "unknown field" in answer.body["message"])


def test_a_manifest_that_is_printed_in_part_is_refused_with_what_it_lacks(server: Server) -> None:
    """Both sentences at once."""
    answer = server.api.post(collection(server, trimmed_seed()), trimmed_seed())

    assert 422 == answer.status
    assert "taskTemplate.workspaceRef (or worker.workspaceRef) must be set" in answer.body["message"]
    assert "credentials must be set: in taskTemplate" in answer.body["message"]


@pytest.mark.parametrize(("length", "is_accepted"), [(63, True), (64, False)])
def test_a_spawner_has_a_name_that_fits_into_a_label(server: Server, length: int, is_accepted: bool) -> None:
    """Its Tasks carry it, and are selected by it."""
    (spawner, *_) = seeds("integration-guide", "TaskSpawner")
    manifest = {**spawner, "metadata": {"name": "a" * length}}

    answer = server.api.post(collection(server, manifest), manifest, dryRun="All")

    assert is_accepted == (answer.status < 300)
    assert is_accepted != ("metadata.name must have at most 63 characters" in str(answer.body.get("message")))


def test_both_versions_are_one_object(server: Server) -> None:
    """What one version writes the other shows whole: nothing is lost by reading and writing through the older one."""
    spec = {
        "prompt": "Fix the bug",
        "worker": {"type": "codex", "credentials": {"type": "none"}},
        "podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]},
    }
    task = {"apiVersion": STORED, "kind": "Task", "metadata": {"name": "case"}, "spec": spec}
    server.api.post(server.path(STORED, "tasks"), task).expect()
    older = server.path("kelos.dev/v1alpha1", "tasks", "case")

    seen = server.api.get(older).expect()
    seen["metadata"]["labels"] = {"touched": "yes"}
    server.api.put(older, seen).expect()

    assert spec == server.api.get(server.path(STORED, "tasks", "case")).expect()["spec"]


def test_a_status_keeps_everything_the_controller_writes(server: Server) -> None:
    """No field of ours is pruned, whatever it is called."""
    status = {
        "observedGeneration": 1,
        "type": "codex",
        "phase": "Failed",
        "reason": "AgentError",
        "message": "The agent ended with exit code 1",
        "jobName": "case",
        "podName": "case-1",
        "startTime": "2026-02-07T09:00:00Z",
        "completionTime": "2026-02-07T09:10:00Z",
        "outputs": ["branch: fix"],
        "results": {"branch": "fix"},
        "usage": {
            "costUSD": "42100u",
            "cost": "0.0421",
            "inputTokens": 1,
            "outputTokens": 2,
            "cacheReadTokens": 3,
            "cacheWriteTokens": 4,
            "reasoningTokens": 5,
            "model": "m",
        },
        "attempts": [
            {
                "podName": "case-1",
                "podUID": "u",
                "phase": "Failed",
                "reason": "AgentError",
                "message": "The agent ended with exit code 1",
                "exitCode": 1,
                "startTime": "2026-02-07T09:00:00Z",
                "completionTime": "2026-02-07T09:10:00Z",
                "usage": {"costUSD": "42100u", "cost": "0.0421"},
            }
        ],
        "dependencies": [
            {"name": "a", "uid": "u", "phase": "Succeeded", "outputs": ["branch: a"], "results": {"branch": "a"}}
        ],
        "diagnosis": {"reason": "AgentError", "message": "It ended", "advice": "Read the log"},
        "conditions": [
            {
                "type": "Succeeded",
                "status": "False",
                "observedGeneration": 1,
                "lastTransitionTime": "2026-02-07T09:10:00Z",
                "reason": "AgentError",
                "message": "It ended",
            }
        ],
    }
    spec = {"prompt": "Fix the bug", "type": "demo", "credentials": {"type": "none"}}
    task = {"apiVersion": STORED, "kind": "Task", "metadata": {"name": "case"}, "spec": spec}
    server.api.post(server.path(STORED, "tasks"), task).expect()

    path = server.path(STORED, "tasks", "case", "status")
    written = server.api.patch(path, {"status": status}, fieldValidation="Strict").expect()

    assert status == written["status"]


SPAWNER_STATUS = {
    "observedGeneration": 1,
    "phase": "Running",
    "message": "Looked at 3 items",
    "deploymentName": "bugs",
    "cronJobName": "bugs",
    "totalDiscovered": 3,
    "totalTasksCreated": 7,
    "activeTasks": 2,
    "lastDiscoveryTime": "2026-02-07T09:00:00Z",
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-02-07T09:00:00Z",
            "reason": "Polling",
            "message": "It looks every 300 seconds",
        }
    ],
}


def test_a_spawner_is_shown_with_its_status(server: Server) -> None:
    """Everything the engine writes is kept, and kubectl has the reference's columns for it."""
    (spawner, *_) = seeds("integration-guide", "TaskSpawner")
    manifest = {**spawner, "spec": {**spawner["spec"], "suspend": True}}
    server.api.post(collection(server, manifest), manifest).expect()
    path = f"{server.path(STORED, 'taskspawners', spawner['metadata']['name'])}/status"

    written = server.api.patch(path, {"status": SPAWNER_STATUS}, fieldValidation="Strict").expect()
    header, row = (line.split() for line in server.kubectl("get", "taskspawners").out.splitlines())

    assert SPAWNER_STATUS == written["status"]
    assert ["NAME", "WORKSPACE", "SUSPEND", "PHASE", "ACTIVE", "DISCOVERED", "TASKS", "AGE"] == header
    assert ["fix-bugs", "my-workspace", "true", "Running", "2", "3", "7"] == row[:-1]
