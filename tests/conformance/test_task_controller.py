"""Tasks on a server: Job controller, garbage collector and admission are the server's own."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

import app_keys
import make
from kelos.api.kinds import AGENT_CONFIG, JOB, LEASE, POD, PVC, SECRET, TASK, TASK_RECORD, WORKSPACE
from kelos.errors import Invalid

from .servers import Server
from .task_cluster import task_cluster

pytestmark = pytest.mark.anyio


async def test_a_task_succeeds_with_its_results_and_few_writes(server: Server) -> None:
    """Thousands of Tasks share one API server: six writes each, the record of its cost among them, events aside."""
    async with task_cluster(server) as tasks:
        await tasks.create(TASK, make.task_manifest(prompt="succeed"))

        status = await tasks.ended()

        assert ("Succeeded", "feature", "250m") == (
            status["phase"],
            status["results"]["branch"],
            status["usage"]["costUSD"],
        )
        await tasks.told("TaskCreated", "TaskSucceeded")
        await tasks.let_go()
        await tasks.none_left(LEASE)
        writes = [write for write in tasks.counted.writes if write != "create Event"]
        # A busy machine may start pods slowly; people are then told why, which is a write for each new reason.
        slow = {write for write in writes if write.startswith("status of the same phase")}
        assert len(writes) <= 6 + len(slow), writes


async def test_a_failed_task_says_why_and_runs_once(server: Server) -> None:
    async with task_cluster(server) as tasks:
        await tasks.create(TASK, make.task_manifest(prompt="fail"))

        status = await tasks.ended()

        assert ("Failed", "AgentError", "boom") == (status["phase"], status["reason"], status["message"])
        assert ("0.25", 1) == (status["usage"]["cost"], len(tasks.served))


async def test_a_task_that_expires_at_once_leaves_its_record(server: Server) -> None:
    """What it used outlives it, and nobody can change it any more."""
    async with task_cluster(server) as tasks:
        made = await tasks.create(TASK, make.task_manifest(prompt="succeed", ttlSecondsAfterFinished=0))

        await tasks.none_left(TASK, JOB, POD)

        (record,) = (await tasks.cluster.list(TASK_RECORD, tasks.namespace)).items
        assert (made["metadata"]["uid"], "0.25") == (record["metadata"]["name"], record["spec"]["usage"]["cost"])
        body = {"spec": {"usage": {"cost": "0"}}}
        with pytest.raises(Invalid, match="TaskRecord spec is immutable"):
            await tasks.cluster.patch(TASK_RECORD, tasks.namespace, record["metadata"]["name"], body)


async def test_a_task_that_is_deleted_while_it_runs_leaves_its_record(server: Server) -> None:
    """Its pod says what it used when it is told to end."""
    async with task_cluster(server) as tasks:
        await tasks.create(TASK, make.task_manifest(prompt="hang"))
        await tasks.running()

        await tasks.cluster.delete(TASK, tasks.namespace, "fix-bug")

        await tasks.none_left(TASK, JOB, POD)
        (record,) = (await tasks.cluster.list(TASK_RECORD, tasks.namespace)).items
        assert ("Cancelled", "fix-bug", "0.25") == (
            record["spec"]["reason"], record["spec"]["taskRef"]["name"], record["spec"]["usage"]["cost"],
        )  # fmt: skip


async def test_a_cancelled_task_ends_its_pod_and_keeps_its_cost(server: Server) -> None:
    async with task_cluster(server) as tasks:
        await tasks.create(TASK, make.task_manifest(prompt="hang"))
        await tasks.running()
        body = {"metadata": {"annotations": {"kelos.dev/cancel-requested": '{"by":"ann"}'}}}

        await tasks.cluster.patch(TASK, tasks.namespace, "fix-bug", body)

        status = await tasks.ended()
        assert ("Cancelled", "0.25") == (status["reason"], status["usage"]["cost"])
        assert ["Cancelled"] == [attempt["reason"] for attempt in status["attempts"]]
        await tasks.none_left(JOB, POD)


async def test_a_deadline_ends_the_agent(server: Server) -> None:
    """The Job controller keeps this time, whoever else sleeps."""
    async with task_cluster(server) as tasks:
        await tasks.create(TASK, make.task_manifest(prompt="hang", podOverrides={"activeDeadlineSeconds": 5}))

        status = await tasks.ended()

        assert ("Failed", "DeadlineExceeded", "0.25") == (status["phase"], status["reason"], status["usage"]["cost"])


async def test_a_deleted_task_leaves_nothing(server: Server) -> None:
    """Neither Job nor pod, whose finalizer is ours, nor the Secret with its long prompt."""
    async with task_cluster(server) as tasks:
        await tasks.create(TASK, make.task_manifest(prompt="hang" + "x" * 100_000))
        await tasks.running()

        await tasks.cluster.delete(TASK, tasks.namespace, "fix-bug")

        await tasks.none_left(TASK, JOB, POD, SECRET)


async def test_a_branch_passes_from_one_task_to_the_next(server: Server) -> None:
    async with task_cluster(server) as tasks:
        await tasks.create(WORKSPACE, make.workspace_manifest())
        first = make.task_manifest("first", prompt="hang", branch="feature", workspaceRef={"name": "repo"})
        second = make.task_manifest("second", prompt="succeed", branch="feature", workspaceRef={"name": "repo"})
        await tasks.create(TASK, first)
        await tasks.running("first")
        await tasks.create(TASK, second)
        held = await tasks.wait("second", lambda status: "reason" in status)
        body = {"metadata": {"annotations": {"kelos.dev/cancel-requested": "{}"}}}

        await tasks.cluster.patch(TASK, tasks.namespace, "first", body)

        assert ("BranchHeld", True) == (held["reason"], "'first'" in held["message"])
        assert "Succeeded" == (await tasks.ended("second"))["phase"]
        await tasks.none_left(LEASE)


async def test_a_dependent_runs_with_the_results_of_what_it_waited_for(server: Server) -> None:
    async with task_cluster(server) as tasks:
        prompt = 'succeed on {{index .Deps "first" "Results" "branch"}}'
        await tasks.create(TASK, make.task_manifest("second", prompt=prompt, dependsOn=["first"]))
        waiting = await tasks.wait("second", lambda status: "reason" in status)
        await tasks.create(TASK, make.task_manifest("first", prompt="succeed"))

        await tasks.ended("second")

        job = await tasks.cluster.get(JOB, tasks.namespace, "second")
        assert "DependencyMissing" == waiting["reason"]
        assert ["succeed on feature"] == job["spec"]["template"]["spec"]["containers"][0]["args"]


async def test_pod_overrides_that_kubernetes_refuses_fail_the_task_with_its_words(server: Server) -> None:
    """Embedded pod types are open objects to us: the API server judges them when the Job is created."""
    async with task_cluster(server) as tasks:
        overrides = {"volumeMounts": [{"name": "nowhere", "mountPath": "/data"}]}
        await tasks.create(TASK, make.task_manifest(prompt="succeed", podOverrides=overrides))

        status = await tasks.ended()

        assert ("Failed", "InvalidSpec") == (status["phase"], status["reason"])
        assert "nowhere" in status["message"]


async def test_a_misspelt_pod_override_is_named_instead_of_dropped(server: Server) -> None:
    """An affinity that is silently not there sends the agent to any node."""
    async with task_cluster(server) as tasks:
        overrides = {"affinity": {"nodeAfinity": {}}}
        await tasks.create(TASK, make.task_manifest(prompt="succeed", podOverrides=overrides))

        status = await tasks.ended()

        assert ("Failed", "InvalidSpec") == (status["phase"], status["reason"])
        assert 'unknown field "spec.podOverrides.affinity.nodeAfinity"' in status["message"]


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"resources": {"limits": "much"}}, "podOverrides.resources"),
        ({"env": [{"name": "A", "value": 1}]}, "podOverrides.env"),
        ({"volumes": [{"name": "v", "emptyDir": []}]}, "podOverrides.volumes"),
        ({"volumeMounts": [{"name": "v", "mountPath": 1}]}, "podOverrides.volumeMounts"),
        ({"tolerations": [{"key": 1}]}, "podOverrides.tolerations"),
        ({"containerSecurityContext": {"runAsUser": "me"}}, "podOverrides.containerSecurityContext"),
        ({"podSecurityContext": {"fsGroup": "us"}}, "podOverrides.podSecurityContext"),
        ({"extraContainers": [{"name": "db", "image": 1}]}, "podOverrides.extraContainers"),
    ],
)
async def test_a_value_of_the_wrong_kind_is_told_where_people_wrote_it(server: Server, overrides, field) -> None:
    """The server names the field of a Job, with its place in a list or without."""
    async with task_cluster(server) as tasks:
        await tasks.create(TASK, make.task_manifest(prompt="succeed", podOverrides=overrides))

        status = await tasks.ended()

        assert ("Failed", "InvalidSpec") == (status["phase"], status["reason"])
        assert field in status["message"], status["message"]


async def test_a_wrong_pod_leaves_nothing_behind(server: Server) -> None:
    """Neither its inputs nor its branch lock: the server is asked before anything is made."""
    async with task_cluster(server) as tasks:
        await tasks.create(WORKSPACE, make.workspace_manifest())
        await tasks.create(AGENT_CONFIG, make.agent_config_manifest(agentsMD="Be brief."))
        mounts = [{"name": "here", "mountPath": "/a"}, {"name": "nowhere", "mountPath": "/b"}]
        task = make.task_manifest(
            prompt="succeed",
            branch="feature",
            workspaceRef={"name": "repo"},
            agentConfigRefs=[{"name": "house"}],
            podOverrides={"volumes": [{"name": "here", "emptyDir": {}}], "volumeMounts": mounts},
        )
        await tasks.create(TASK, task)

        status = await tasks.ended()

        assert ("Failed", "InvalidSpec") == (status["phase"], status["reason"])
        assert "spec.podOverrides.volumeMounts[1].name" in status["message"]
        made = {write for write in tasks.counted.writes if write.startswith("create") and "Event" not in write}
        assert {"try Job"} == {write for write in tasks.counted.writes if write.startswith("try")}
        assert set() == made


async def test_a_right_pod_of_ones_own_form_costs_one_request_more(server: Server) -> None:
    """And only where something would have to be made before it."""
    async with task_cluster(server) as tasks:
        await tasks.create(AGENT_CONFIG, make.agent_config_manifest(agentsMD="Be brief."))
        overrides = {"env": [{"name": "A", "value": "1"}]}
        await tasks.create(TASK, make.task_manifest("plain", prompt="succeed", podOverrides=overrides))
        configs = [{"name": "house"}]
        briefed = make.task_manifest("briefed", prompt="succeed", podOverrides=overrides, agentConfigRefs=configs)
        await tasks.create(TASK, briefed)
        await tasks.create(TASK, make.task_manifest("usual", prompt="succeed", agentConfigRefs=configs))

        for name in ("plain", "briefed", "usual"):
            assert "Succeeded" == (await tasks.ended(name))["phase"]

        assert 1 == tasks.counted.writes.count("try Job")


async def test_a_missing_secret_wakes_its_task_when_it_appears(server: Server) -> None:
    """The Role lets one Secret be watched by its name; `test_missing.py` says how soon that is."""
    async with task_cluster(server) as tasks:
        credentials = {"type": "api-key", "secretRef": {"name": "key"}}
        await tasks.create(TASK, make.task_manifest(prompt="succeed", type="claude-code", credentials=credentials))
        await tasks.wait("fix-bug", lambda status: status.get("reason") == "SecretMissing")

        await tasks.create(SECRET, make.secret_manifest())

        assert "Succeeded" == (await tasks.ended())["phase"]


async def test_a_github_apps_token_is_minted_kept_and_renewed(server: Server) -> None:
    """With the rights of the controller's role and no others; the Job's volume names the Task's own Secret."""
    async with task_cluster(server) as tasks:
        await tasks.create(SECRET, app_keys.app_secret())
        await tasks.create(WORKSPACE, make.workspace_manifest(secretRef={"name": "app"}))
        await tasks.create(TASK, make.task_manifest(prompt="hang", workspaceRef={"name": "repo"}))
        await tasks.running()
        assert tasks.github.is_open(await tasks.token(), "shop")
        first = await tasks.token()
        soon = (datetime.now(timezone.utc) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        spent = {"kelos.dev/token-expires-at": soon, "kelos.dev/token-minted-at": "2026-02-07T09:00:00Z"}

        body = {"metadata": {"annotations": spent}}
        await tasks.cluster.patch(SECRET, tasks.namespace, "fix-bug-github-token", body)
        await tasks.cluster.patch(TASK, tasks.namespace, "fix-bug", {"metadata": {"annotations": {"look": "again"}}})

        await tasks.until("another token", tasks.token, lambda token: token != first)
        assert tasks.github.is_open(await tasks.token(), "shop")


async def test_a_broken_app_is_told_and_its_secret_wakes_the_task(server: Server) -> None:
    async with task_cluster(server) as tasks:
        await tasks.create(SECRET, app_keys.app_secret(privateKey="broken"))
        await tasks.create(WORKSPACE, make.workspace_manifest(secretRef={"name": "app"}))
        await tasks.create(TASK, make.task_manifest(prompt="succeed", workspaceRef={"name": "repo"}))
        # A Workspace that is seen after its Task is missing until then.
        status = await tasks.wait("fix-bug", lambda status: status.get("reason") == "TokenUnavailable")
        assert "Waiting" == status["phase"]

        body = {"stringData": {"privateKey": app_keys.pem()}}
        await tasks.cluster.patch(SECRET, tasks.namespace, "app", body)

        assert "Succeeded" == (await tasks.ended())["phase"]


async def test_a_persistent_workspace_has_one_claim_and_one_task_at_a_time(server: Server) -> None:
    async with task_cluster(server) as tasks:
        made = await tasks.create(WORKSPACE, make.workspace_manifest(persistent=True))
        await tasks.create(TASK, make.task_manifest("first", prompt="hang", workspaceRef={"name": "repo"}))
        await tasks.running("first")
        await tasks.create(TASK, make.task_manifest("second", prompt="succeed", workspaceRef={"name": "repo"}))
        held = await tasks.wait("second", lambda status: "reason" in status)
        body = {"metadata": {"annotations": {"kelos.dev/cancel-requested": "{}"}}}

        await tasks.cluster.patch(TASK, tasks.namespace, "first", body)

        assert ("ConcurrencyLimit", True) == (held["reason"], "'first'" in held["message"])
        assert "Succeeded" == (await tasks.ended("second"))["phase"]
        await tasks.none_left(LEASE)
        (claim,) = (await tasks.cluster.list(PVC, tasks.namespace)).items
        assert ("repo", made["metadata"]["uid"]) == (
            claim["metadata"]["name"],
            claim["metadata"]["ownerReferences"][0]["uid"],
        )


async def test_a_long_name_with_dots_runs(server: Server) -> None:
    """Names may have 253 characters; those of Jobs and labels may not."""
    name = "release.2026-02-07." + "very-" * 40 + "long"
    async with task_cluster(server) as tasks:
        await tasks.create(TASK, make.task_manifest(name, prompt="succeed"))

        assert "Succeeded" == (await tasks.ended(name))["phase"]


@pytest.mark.parametrize("server", [pytest.param("real", marks=pytest.mark.cluster)], indirect=True)
async def test_a_job_whose_pod_is_refused_says_why(server: Server) -> None:
    """Quotas act on pods: the Job is accepted, and only events tell the rest. The local plane has no quotas."""
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    server.api.post(server.path("v1", "resourcequotas"), quota).expect()
    async with task_cluster(server) as tasks:
        await tasks.create(TASK, make.task_manifest(prompt="succeed", startTimeoutSeconds=12))

        status = await tasks.wait("fix-bug", lambda status: "exceeded quota" in status.get("message", ""))

        assert ("Pending", "PodPending") == (status["phase"], status["reason"])
        assert "exceeded quota" in (await tasks.ended())["message"]


@pytest.mark.parametrize("server", [pytest.param("real", marks=pytest.mark.cluster)], indirect=True)
async def test_an_agent_that_cannot_be_repeated_ends_its_task(server: Server) -> None:
    """The Job waits for ever for a pod that it may not make; the cost of the first one is kept."""
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    async with task_cluster(server) as tasks:
        await tasks.create(TASK, make.task_manifest(prompt="hang", retries=1, startTimeoutSeconds=15))
        await tasks.running()
        server.api.post(server.path("v1", "resourcequotas"), quota).expect()
        (pod,) = (await tasks.cluster.list(POD, tasks.namespace)).items

        tasks.fail(pod)

        status = await tasks.ended()
        assert ("Failed", "StartTimeout", "0.25") == (status["phase"], status["reason"], status["usage"]["cost"])
        assert "exceeded quota" in status["message"]
        assert ["AgentError"] == [attempt["reason"] for attempt in status["attempts"]]
        await tasks.let_go()
        assert 1 == len((await tasks.cluster.list(TASK_RECORD, tasks.namespace)).items)
