"""What the reference's documents promise of a TaskSpawner comes true, with their manifests as they are printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest

import make
from admission import seeds
from fakes.jira import server as jira
from kelos.api.kinds import SECRET, TASK
from realcluster.control_plane import ControlPlane
from spawning_life import Life, changed, condition, life, life_on, seed

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["local plane", "real API server"])
def living(request: pytest.FixtureRequest) -> Callable[..., AbstractAsyncContextManager[Life]]:
    """A life to lead, on each of the servers."""
    if request.param == "local plane":
        return life
    real: ControlPlane = request.getfixturevalue("real_cluster")
    return partial(life_on, json.loads(real.kubeconfig.read_text()), real.create_namespace())


def ready(status) -> bool:
    return condition(status, "Ready").get("status") == "True"


def looked(status) -> bool:
    return ready(status) and "lastDiscoveryTime" in status


async def test_the_guides_issues_become_tasks(living):
    """Labels, excluded labels, state, prompt, branch, time to live, and three at a time."""
    async with living() as b:
        for number, labels in enumerate((("bug",), ("bug", "needs-triage"), ("question",), ("bug", "ui")), start=1):
            assert number == b.github.open_issue(f"Title {number}", body=f"Body {number}\n", labels=labels)
        b.github.open_issue("Old", labels=("bug",), state="closed")
        await b.apply(seed("integration-guide", "fix-bugs"))

        first, fourth = await b.tasks("fix-bugs-1", "fix-bugs-4")
        status = await b.spawner("fix-bugs", lambda status: status.get("activeTasks") == 2)

        prompt = "Fix the following GitHub issue and open a PR with the fix.\nIssue #1: Title 1\nBody 1\n\n"
        assert (prompt, "fix-1", 3600) == tuple(
            first["spec"][name] for name in ("prompt", "branch", "ttlSecondsAfterFinished")
        )
        assert "fix-4" == fourth["spec"]["branch"]
        assert ["fix-bugs-1", "fix-bugs-4"] == await b.task_names()
        assert (2, 2, "Running") == (status["totalDiscovered"], status["totalTasksCreated"], status["phase"])


async def test_a_tasks_origin_is_on_it(living):
    async with living() as b:
        b.github.open_issue(labels=("bug",))
        spawner = await b.apply(seed("readme", "fix-bugs"))
        (task,) = await b.tasks("fix-bugs-1")

        meta = task["metadata"]
        assert "fix-bugs" == meta["labels"]["kelos.dev/taskspawner"]
        assert ("issue", "1") == tuple(meta["annotations"][f"kelos.dev/source-{name}"] for name in ("kind", "number"))
        (owner,) = meta["ownerReferences"]
        assert (spawner["metadata"]["uid"], True) == (owner["uid"], owner["controller"])
        assert "Fix: A bug\n" == task["spec"]["prompt"]


async def test_no_more_run_at_a_time_than_the_guide_says():
    """And the others are not lost: each comes when there is room."""
    async with life() as b:
        await b.cluster.delete(SECRET, b.namespace, "claude-oauth-token")
        for number in range(1, 6):
            b.github.open_issue(f"Title {number}", labels=("bug",))
        await b.apply(seed("integration-guide", "fix-bugs"))
        await b.tasks("fix-bugs-5", "fix-bugs-4", "fix-bugs-3")
        await b.spawner("fix-bugs", lambda status: status.get("activeTasks") == 3)
        assert 3 == len(await b.task_names())

        await b.end("fix-bugs-4")
        await b.tasks("fix-bugs-2")
        await b.end("fix-bugs-5")
        await b.tasks("fix-bugs-1")


async def test_the_guides_pull_requests_become_tasks(living):
    """With the branch of each, the reviewers' verdict and what they wrote beside the code."""
    async with living() as b:
        b.github.open_pull("Add a button", body="It is blue.", labels=("needs-review",), branch="blue")
        b.github.review_comment(1, "Why blue?", path="app.py", line=7)
        b.github.review(1, "CHANGES_REQUESTED", author="ada")
        b.github.open_pull("Other", labels=())
        await b.apply(seed("integration-guide", "pr-reviewer"))
        (task,) = await b.tasks("pr-reviewer-1")
        await b.spawner("pr-reviewer", looked)

        assert (
            "Review pull request #1: Add a button\nIt is blue.\nBranch: blue\nReview state: changes_requested\n"
            "app.py:7\nWhy blue?\n"
        ) == task["spec"]["prompt"]
        assert "blue" == task["spec"]["branch"]
        assert ["pr-reviewer-1"] == await b.task_names()


@pytest.mark.parametrize("is_cloud", [True, False], ids=["cloud", "data-center"])
async def test_the_guides_jira_issues_become_tasks(living, is_cloud):
    """The filter's priorities and state count; title and description are in the prompt, the key in the branch."""
    async with living(is_cloud=is_cloud) as b:
        if not is_cloud:
            await _replace_secret(b)
        b.jira.add("ENG-41", priority={"name": "Low"})
        b.jira.add("ENG-42", summary="It crashes", description="When I click.", priority={"name": "Highest"})
        b.jira.add("ENG-43", status={"name": "Done"})
        b.jira.add("OPS-1")
        await b.apply(seed("integration-guide", "jira-worker"))
        (task,) = await b.tasks("jira-worker-eng-42")
        await b.spawner("jira-worker", looked)

        assert "Fix the following Jira issue:\nIt crashes\nWhen I click.\n" == task["spec"]["prompt"]
        assert "jira-ENG-42" == task["spec"]["branch"]
        assert ["jira-worker-eng-42"] == await b.task_names()


async def test_the_guides_schedule_becomes_a_task():
    """Every Monday at nine: a cluster of the minute before, that was away until now, makes up for it."""
    now = datetime.now(timezone.utc)
    monday = (now - timedelta(days=now.weekday())).replace(hour=9, minute=0, second=0, microsecond=0)
    tick = monday if monday <= now else monday - timedelta(days=7)
    async with life(created_at=tick - timedelta(minutes=1)) as b:
        await b.apply(seed("integration-guide", "weekly-deps"))
        (task,) = await b.tasks(f"weekly-deps-{tick:%Y%m%d-%H%M}")

        assert (
            f"Check for outdated dependencies and open a PR to update them.\nTriggered at: {tick:%Y-%m-%dT%H:%M:%SZ}\n"
        ) == task["spec"]["prompt"]
        assert (3600, None) == (task["spec"]["ttlSecondsAfterFinished"], task["spec"].get("branch"))


async def test_an_issue_is_worked_on_once():
    """Whatever becomes of its Task, and whoever looks: an open issue is not done again for ever."""
    async with life() as b:
        b.github.open_issue("One", labels=("bug",))
        await b.apply(seed("integration-guide", "fix-bugs"))
        await b.tasks("fix-bugs-1")
        await b.until(TASK, lambda tasks: tasks if not tasks[0]["metadata"].get("finalizers") else None)
        await b.cluster.delete(TASK, b.namespace, "fix-bugs-1")
        await b.stop()
        b.github.edit(1, title="Still one")
        b.github.open_issue("Two", labels=("bug",))
        await b.start()
        await b.tasks("fix-bugs-2")
        status = await b.spawner("fix-bugs", lambda status: status.get("totalTasksCreated") == 2)

        assert (["fix-bugs-2"], 2) == (await b.task_names(), status["totalDiscovered"])


async def test_several_sign_ins_are_shared_out():
    """Each Task gets one of the pool, and its label says which."""
    spawner = seed("integration-guide", "fix-bugs")
    template = {name: value for name, value in spawner["spec"]["taskTemplate"].items() if name != "credentials"}
    pool = [{"name": name, "type": "oauth", "secretRef": {"name": f"claude-{name}"}} for name in ("first", "second")]
    async with life() as b:
        b.github.open_issue("One", labels=("bug",))
        await b.apply(changed(spawner, taskTemplate=template, credentials=pool))
        (task,) = await b.tasks("fix-bugs-1")

        name = task["metadata"]["labels"]["kelos.dev/spawner-credential"]
        assert name in ("first", "second")
        assert {"type": "oauth", "secretRef": {"name": f"claude-{name}"}} == task["spec"]["credentials"]


@pytest.mark.parametrize("name", ["webhook-responder", "linear-responder"])
async def test_the_guides_webhooks_say_what_they_wait_for(name):
    """They are admitted, and nobody need wonder why nothing happens."""
    async with life() as b:
        await b.apply(seed("integration-guide", name))
        status = await b.spawner(name, lambda status: condition(status, "Ready") != {})

        assert ("False", "NoWebhookServer") == tuple(condition(status, "Ready")[part] for part in ("status", "reason"))
        assert [] == await b.task_names()


async def test_a_comment_of_somebody_who_may_starts_a_task():
    """The guide's comment policy: only collaborators with write access are heard."""
    policy = {"triggerComment": "/kelos run", "excludeComments": ["/kelos stop"], "minimumPermission": "write"}
    spawner = seed("integration-guide", "fix-bugs")
    issues = {**spawner["spec"]["when"]["githubIssues"], "commentPolicy": policy}
    async with life() as b:
        b.github.shop.roles.update({"ada": "write", "eve": "read"})
        for author, said in (("ada", "/kelos run"), ("eve", "/kelos run"), ("ada", "please")):
            b.github.comment(b.github.open_issue(labels=("bug",)), said, author=author)
        b.github.comment(b.github.open_issue(labels=("bug",)), "/kelos run", author="ada")
        b.github.comment(4, "/kelos stop", author="ada")
        await b.apply(changed(spawner, when={"githubIssues": issues}))
        await b.tasks("fix-bugs-1")
        await b.spawner("fix-bugs", looked)

        assert ["fix-bugs-1"] == await b.task_names()


async def test_wrong_jira_credentials_are_seen_on_the_taskspawner():
    async with life() as b:
        await _replace_secret(b)
        await b.apply(seed("integration-guide", "jira-worker"))
        status = await b.spawner("jira-worker", lambda status: condition(status, "Ready").get("status") == "False")

        message = condition(status, "Ready")["message"]
        assert "does not accept the credentials of Secret 'jira-credentials'" in message
        assert "jira-token" not in message


async def test_a_jira_cannot_be_what_answers_the_controller_alone():
    """Where clouds hand out a machine's credentials, nobody asks on a TaskSpawner's behalf."""
    spawner = seed("integration-guide", "jira-worker")
    where = {**spawner["spec"]["when"]["jira"], "baseUrl": "http://169.254.169.254"}
    async with life() as b:
        await b.apply(changed(spawner, when={"jira": where}))
        status = await b.spawner("jira-worker", lambda status: condition(status, "Ready").get("status") == "False")

        assert "must not be asked; correct jira.baseUrl" in condition(status, "Ready")["message"]


async def test_a_suspended_taskspawner_creates_nothing():
    async with life() as b:
        b.github.open_issue(labels=("bug",))
        await b.apply(changed(seed("integration-guide", "fix-bugs"), suspend=True))
        status = await b.spawner("fix-bugs", lambda status: status.get("phase") == "Suspended")

        assert ("True", []) == (condition(status, "Suspended")["status"], await b.task_names())


async def test_an_items_context_is_in_its_prompt():
    """Fetched from GitHub's own API here, with the credentials that a header takes from a Secret."""
    spawner = seed("integration-guide", "fix-bugs")
    async with life() as b:
        b.github.open_issue("One", labels=("bug",))
        http = {
            "url": b.github_url + "/repos/your-org/your-repo/issues/{{.Number}}",
            "allowInsecure": True,
            "headers": {"Authorization": "token nobody"},
            "headersFrom": [{"header": "Authorization", "secretName": "header", "secretKey": "VALUE"}],
            "responseFilter": {"type": "JSONPath", "expression": "$.title"},
        }
        await b.apply(make.secret_manifest("header", VALUE="token ghp_of-the-bot"))
        template = {
            **spawner["spec"]["taskTemplate"],
            "promptTemplate": "Known as {{.Context.known}}.",
            "contextSources": [{"name": "known", "http": http}],
        }
        await b.apply(changed(spawner, taskTemplate=template))
        (task,) = await b.tasks("fix-bugs-1")

        assert "Known as One." == task["spec"]["prompt"]


async def _replace_secret(b: Life) -> None:
    """The token alone, as Data Center wants it."""
    await b.cluster.delete(SECRET, b.namespace, "jira-credentials")
    await b.apply(make.secret_manifest("jira-credentials", JIRA_TOKEN=jira.TOKEN))


def test_no_seed_is_forgotten():
    """Every TaskSpawner of the guide is applied here."""
    names = {one["metadata"]["name"] for one in seeds("integration-guide", "TaskSpawner")}

    assert {"fix-bugs", "pr-reviewer", "jira-worker", "weekly-deps", "webhook-responder", "linear-responder"} == names
