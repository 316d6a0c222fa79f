"""The guide on a laptop: `kelos up`, `kelos apply` of its TaskSpawners, and Tasks, with no cluster at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from admission import seeds
from fakes.github_server.served import served
from fakes.github_server.server import TOKEN, GitHubServer
from fakes.jira import server as jira
from kelos.api.kinds import SECRET, TASK, TASK_SPAWNER, Kind, Manifest
from small_cluster import NAMESPACE, SmallCluster, small_cluster
from spawning_life import REPOSITORY, changed, condition, seed

from .person import Person


def test_the_guide_works_on_a_laptop(tmp_path: Path):
    """Issues of GitHub and Jira become Tasks; the table and the detail of each TaskSpawner say how it is."""
    github = GitHubServer(REPOSITORY)
    with served(github) as url, jira.fake_jira() as tracker, small_cluster(tmp_path) as cluster:
        github.open_issue("It crashes", body="When I click.", labels=("bug",))
        tracker.add("ENG-42", summary="It hangs", description="When I wait.")
        person = Person(_folder(tmp_path))
        person.use(cluster.document)
        cluster.make(SECRET, "github-token", stringData={"GITHUB_TOKEN": TOKEN})
        cluster.make(SECRET, "jira-credentials", stringData={"JIRA_USER": jira.USER, "JIRA_TOKEN": jira.TOKEN})
        (workspace,) = seeds("readme", "Workspace")
        manifests = [
            changed(workspace, secretRef={"name": "github-token"}),
            *(seed("integration-guide", name) for name in ("fix-bugs", "jira-worker", "webhook-responder")),
        ]
        text = yaml.safe_dump_all(manifests).replace("https://github.com", url.removesuffix("/api/v3"))
        person.run("apply", "-f", "-", stdin=text.replace("https://your-org.atlassian.net", tracker.url))

        issue = _until(cluster, TASK, "fix-bugs-1", lambda task: True)
        ticket = _until(cluster, TASK, "jira-worker-eng-42", lambda task: True)
        for name in ("fix-bugs", "jira-worker"):
            _until(cluster, TASK_SPAWNER, name, _is_ready)
        _until(cluster, TASK_SPAWNER, "webhook-responder", lambda found: _ready(found) != {})

        assert issue["spec"]["prompt"].endswith("Issue #1: It crashes\nWhen I click.\n")
        assert "Fix the following Jira issue:\nIt hangs\nWhen I wait.\n" == ticket["spec"]["prompt"]
        shown = json.loads(person.run("get", "taskspawners", "-o", "json").stdout)["items"]
        assert {"fix-bugs", "jira-worker", "webhook-responder"} == {one["metadata"]["name"] for one in shown}
        assert "NoWebhookServer" in person.run("get", "taskspawner", "webhook-responder", "-d").stdout


def _ready(found: Manifest) -> Manifest:
    return condition(found.get("status") or {}, "Ready")


def _is_ready(found: Manifest) -> bool:
    return _ready(found).get("status") == "True"


def _folder(parent: Path) -> Path:
    (folder := parent / "person").mkdir()
    return folder


def _until(cluster: SmallCluster, kind: Kind, name: str, is_there: Callable[[Manifest], Any]) -> Manifest:
    """The object once it is as wanted; the watch says when to look."""
    with cluster.api.watch(kind.path(NAMESPACE), timeoutSeconds=60) as changes:
        for change in changes:
            found = change["object"]
            if found["metadata"]["name"] == name and is_there(found):
                return found
    raise AssertionError(f"{kind} '{name}' is not as it should be: {cluster.all(kind)}")
