"""Why a Task waits, in the order people see it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import make
from kelos.api import names
from kelos.api.codec import parse_agent_config
from kelos.api.kinds import CONFIG_MAP, JOB, LEASE, PVC
from kelos.api.reasons import Phase
from kelos.plan import Create, Replace
from kelos.settings import Settings
from kelos.tasks.blockers import awaited, is_told_otherwise
from kelos.tasks.held.locks import wanted_locks
from kelos.tasks.plan import plan
from kelos.tasks.view import Admission, Claim, Dependency, Lock, Scope
from planning import jobs_of, status_of


def test_a_task_with_nothing_in_its_way_gets_a_job():
    """The Job comes before the status, so that a crash between the two starts nothing twice."""
    decided = plan(make.view())

    assert ["fix-bug"] == jobs_of(decided)
    assert "Pending" == status_of(decided)["phase"]
    assert "fix-bug" == status_of(decided)["jobName"]


def test_a_task_waits_for_its_dependency():
    """People see what it waits for, and no Job exists."""
    decided = plan(make.view(make.task(dependsOn=["scaffold"]), dependencies={"scaffold": None}))

    assert [] == jobs_of(decided)
    assert ("Waiting", "DependencyMissing") == (status_of(decided)["phase"], status_of(decided)["reason"])
    assert "'scaffold'" in status_of(decided)["message"]


def test_every_unfinished_dependency_is_named():
    """Nobody should have to look for the second one after the first."""
    waiting = {n: Dependency(name=n, uid=n, phase=Phase.RUNNING) for n in ("a", "b")}

    decided = plan(make.view(make.task(dependsOn=["a", "b"]), dependencies=waiting))

    assert "Waiting for Tasks 'a', 'b' to succeed" == status_of(decided)["message"]


def test_a_failed_dependency_fails_the_task_whatever_else_is_unfinished():
    """Waiting for the rest would only waste time."""
    both = {
        "a": Dependency(name="a", uid="a", phase=Phase.RUNNING),
        "b": Dependency(name="b", uid="b", phase=Phase.FAILED),
    }

    decided = plan(make.view(make.task(dependsOn=["a", "b"]), dependencies=both))

    assert ("Failed", "DependencyFailed") == (status_of(decided)["phase"], status_of(decided)["reason"])


def test_a_dependency_that_succeeded_is_kept_while_others_are_awaited():
    """It may be deleted before the others are done."""
    both = {
        "a": Dependency(name="a", uid="ua", phase=Phase.SUCCEEDED, results={"branch": "x"}),
        "b": Dependency(name="b", uid="ub", phase=Phase.RUNNING),
    }

    decided = plan(make.view(make.task(dependsOn=["a", "b"]), dependencies=both))

    (kept,) = status_of(decided)["dependencies"]
    assert ("a", {"branch": "x"}) == (kept["name"], kept["results"])


def test_a_deleted_dependency_that_had_succeeded_still_counts():
    """Its results reach the prompt from what the dependent kept."""
    kept = {"dependencies": [{"name": "a", "uid": "ua", "phase": "Succeeded", "results": {"branch": "x"}}]}
    task = make.task(dependsOn=["a"], prompt='Go on at {{index .Deps "a" "Results" "branch"}}', status=kept)

    decided = plan(make.view(task, dependencies={"a": None}))

    (job,) = [s.manifest for s in decided.steps if isinstance(s, Create) and s.kind is JOB]
    assert ["Go on at x"] == job["spec"]["template"]["spec"]["containers"][0]["args"]


def test_every_member_of_a_circle_fails_with_the_whole_circle_named():
    """A circle never resolves itself."""
    task = make.task("a", dependsOn=["b"])
    circle = {"a": ("b",), "b": ("c",), "c": ("a",)}

    decided = plan(make.view(task, dependencies={"b": Dependency(name="b", uid="b")}, graph=circle))

    assert "DependencyCycle" == status_of(decided)["reason"]
    assert "a → b → c → a" in status_of(decided)["message"]


def test_a_task_that_leads_to_a_foreign_circle_is_no_member_of_it():
    """It fails later, when its dependency has failed."""
    task = make.task("x", dependsOn=["a"])
    graph = {"x": ("a",), "a": ("b",), "b": ("a",)}

    decided = plan(make.view(task, dependencies={"a": Dependency(name="a", uid="a")}, graph=graph))

    assert "DependencyUnfinished" == status_of(decided)["reason"]


def test_a_wide_diamond_is_searched_once_per_task():
    """A graph of 2·40 Tasks has 2^40 paths; the search must not walk them."""
    graph = {f"{side}{i}": (f"l{i + 1}", f"r{i + 1}") for i in range(40) for side in "lr"}
    graph["top"] = ("l0", "r0")

    decided = plan(make.view(make.task("top", dependsOn=["l0"]), dependencies={"l0": None}, graph=graph))

    assert "DependencyMissing" == status_of(decided)["reason"]


def test_a_missing_workspace_is_a_wait_that_names_it():
    """It may be applied a moment later."""
    decided = plan(make.view(make.task(workspaceRef={"name": "shop"})))

    assert ("Waiting", "WorkspaceMissing") == (status_of(decided)["phase"], status_of(decided)["reason"])
    assert "Workspace 'shop' does not exist in namespace 'team'" in status_of(decided)["message"]


def test_a_missing_workspace_fails_the_task_after_the_start_timeout():
    """Nobody waits for ever."""
    waiting = plan(make.view(make.task(workspaceRef={"name": "shop"}, startTimeoutSeconds=60)))
    task = make.task(workspaceRef={"name": "shop"}, startTimeoutSeconds=60, status=status_of(waiting))

    decided = plan(make.view(task, now=make.NOW + timedelta(seconds=61)))

    assert ("Failed", "WorkspaceMissing") == (status_of(decided)["phase"], task.status.reason.value)
    assert "gave up after 60 seconds" in status_of(decided)["message"]


def test_a_dependency_that_nobody_creates_fails_the_task_after_the_start_timeout():
    """A misspelt name must not keep a pipeline waiting for ever."""
    held = status_of(plan(make.view(make.task(dependsOn=["scafold"]), dependencies={"scafold": None})))
    task = make.task(dependsOn=["scafold"], status=held)

    later = status_of(plan(make.view(task, dependencies={"scafold": None}, now=make.NOW + timedelta(seconds=600))))

    assert ("Waiting", "DependencyMissing") == (held["phase"], held["reason"])
    assert ("Failed", "gave up after 600 seconds") == (later["phase"], later["message"][-26:-1])


def test_waiting_for_a_dependency_does_not_count_against_the_start_timeout():
    """A dependency may take hours; the inputs' clock starts when it is done."""
    first = plan(make.view(make.task(workspaceRef={"name": "shop"}, dependsOn=["a"]), dependencies={"a": None}))
    later = make.NOW + timedelta(hours=5)
    done = {"a": Dependency(name="a", uid="a", phase=Phase.SUCCEEDED)}
    task = make.task(workspaceRef={"name": "shop"}, dependsOn=["a"], status=status_of(first))

    decided = plan(make.view(task, dependencies=done, now=later))

    assert "phase" not in status_of(decided)  # still Waiting
    assert "WorkspaceMissing" == status_of(decided)["reason"]


@pytest.mark.parametrize(
    ("secrets", "sentence"),
    [
        ({}, "Secret 'key' (agent credentials) does not exist in namespace 'team'; create it"),
        ({"key": frozenset({"OTHER"})}, "Secret 'key' (agent credentials) has no key 'ANTHROPIC_API_KEY'; add it"),
    ],
)
def test_a_missing_secret_or_key_is_named(secrets, sentence):
    """The sentence says what to do, never what is inside."""
    task = make.task(type="claude-code", credentials={"type": "api-key", "secretRef": {"name": "key"}})

    decided = plan(make.view(task, secrets=secrets))

    assert ("SecretMissing", sentence) == (status_of(decided)["reason"], status_of(decided)["message"])


def test_a_secret_of_one_value_of_an_mcp_server_is_waited_for():
    """By its key; a value that is optional is not."""

    def entry(name: str, **options: Any) -> dict[str, Any]:
        return {"name": name, "valueFrom": {"secretKeyRef": {"name": "crm", "key": name, **options}}}

    server = {"name": "crm", "type": "stdio", "command": "crm", "env": [entry("A", optional=True), entry("B")]}
    config = parse_agent_config(make.agent_config_manifest(mcpServers=[server]))
    task = make.task(agentConfigRefs=[{"name": "house"}])

    without, with_it = ({"crm": frozenset(keys)} for keys in ((), ("B",)))
    decided, started = (plan(make.view(task, agent_configs={"house": config}, secrets=s)) for s in (without, with_it))

    assert "Secret 'crm' (values for MCP server 'crm') has no key 'B'; add it" == status_of(decided)["message"]
    assert 1 == len(jobs_of(started))


def test_a_config_map_of_an_mcp_server_is_waited_for():
    """A pod without it would only stand there, with the branch and its place."""

    def entry(name: str, key: str, **options: Any) -> dict[str, Any]:
        return {"name": key, "valueFrom": {"configMapKeyRef": {"name": name, "key": key, **options}}}

    env = [entry("more", "A", optional=True), entry("crm", "B")]
    server = {"name": "crm", "type": "stdio", "command": "crm", "env": env}
    config = parse_agent_config(make.agent_config_manifest(mcpServers=[server]))
    task = make.task(agentConfigRefs=[{"name": "house"}])

    views = [
        make.view(task, agent_configs={"house": config}, config_maps={"crm": keys})
        for keys in (None, frozenset({"A"}), frozenset({"B"}))
    ]
    absent, empty, there = (plan(view) for view in views)

    what = "ConfigMap 'crm' (values for MCP server 'crm')"
    sentence = f"{what} does not exist in namespace 'team'; create it"
    assert ("AgentConfigMissing", sentence) == (status_of(absent)["reason"], status_of(absent)["message"])
    assert f"{what} has no key 'B'; add it" == status_of(empty)["message"]
    assert 1 == len(jobs_of(there))
    assert [("crm",), ("crm",), ()] == [awaited(view)[CONFIG_MAP] for view in views]


def test_somebody_elses_job_of_our_name_is_never_taken_over():
    """Its result would become ours, and deleting the Task would delete it."""
    decided = plan(make.view(job=make.job(owner="somebody")))

    assert [] == jobs_of(decided)
    assert "does not belong to Task 'fix-bug'" in status_of(decided)["message"]


class TestBranch:
    """One Task at a time works on a branch of a repository."""

    def view(self, lock: Lock, **facts: Any) -> Any:
        task = make.task(branch="feature", workspaceRef={"name": "repo"})
        return make.view(task, workspace=make.workspace(), locks=(lock,), **facts)

    def test_a_free_branch_is_taken_before_the_job_is_created(self):
        """A crash in between leaves a lock that is already ours."""
        decided = plan(self.view(Lock(label="abc")))

        assert [LEASE, JOB] == [s.kind for s in decided.steps if isinstance(s, Create)]

    def test_a_held_branch_names_its_holder(self):
        decided = plan(self.view(Lock(label="abc", lease={}, holder="other", holder_uid="u")))

        assert "Branch 'feature' is held by Task 'other'" == status_of(decided)["message"]

    @pytest.mark.parametrize(("holder", "is_news"), [("a", False), ("b", True)])
    def test_another_holder_than_the_one_told_is_looked_at_closely(self, holder, is_news):
        """Two controllers, one of them with an old view, would else contradict each other in turns."""
        told = {"phase": "Waiting", "reason": "BranchHeld", "message": "Branch 'feature' is held by Task 'a'"}
        lock = Lock(label="abc", lease={}, holder=holder, holder_uid="u")

        assert is_news == is_told_otherwise(self.view(lock, status=told))

    def test_a_lock_of_an_ended_task_is_taken_over_at_its_version(self):
        """Two that take over at once cannot both succeed."""
        lease = {"metadata": {"name": "kelos-branch-abc", "resourceVersion": "7", "uid": "l"}}

        decided = plan(self.view(Lock(label="abc", lease=lease, holder="o", holder_uid="u", holder_is_over=True)))

        (taken,) = [s.manifest for s in decided.steps if isinstance(s, Replace)]
        assert ("7", "uid-fix-bug") == (taken["metadata"]["resourceVersion"], taken["spec"]["holderIdentity"])

    def test_a_pod_that_may_still_push_keeps_the_branch(self):
        """Its Task may be long gone."""
        decided = plan(self.view(Lock(label="abc", pods_of_others=("ghost",))))

        assert "BranchHeld" == status_of(decided)["reason"]

    def test_who_came_first_goes_first(self):
        decided = plan(self.view(Lock(label="abc", ahead="older")))

        assert "Branch 'feature' is held by Task 'older'" == status_of(decided)["message"]

    def test_without_a_workspace_a_branch_locks_nothing(self):
        """Nothing is checked out, so nobody is in anybody's way; an event says that the branch has no effect."""
        decided = plan(make.view(make.task(branch="feature")))

        assert [JOB] == [s.kind for s in decided.steps if isinstance(s, Create)]


def test_the_lock_ignores_transport_and_user_of_the_repository():
    """Two Workspaces of one repository exclude each other."""
    urls = ("https://github.com/acme/shop.git", "git@github.com:acme/shop", "https://u@GitHub.com/acme/shop/")
    labels = [wanted_locks(make.task(branch="b"), make.workspace(repo=url)) for url in urls]

    assert 1 == len(set(labels))


class TestPersistentWorkspace:
    """Its checkout is on one volume, so its Tasks run one at a time."""

    def view(self, lock: Lock | None = None, *, branch: str | None = None, **facts: Any) -> Any:
        task = facts.pop("task", make.task(branch=branch, workspaceRef={"name": "repo"}))
        workspace = make.workspace(persistent=True, secretRef=None)
        mine = lock or Lock(scope=Scope.WORKSPACE, label="abc", name="repo")
        return make.view(task, workspace=workspace, locks=(mine, *facts.pop("more", ())), **facts)

    def test_the_lock_and_the_claim_come_before_the_job(self):
        """A crash in between leaves what is ours already."""
        decided = plan(self.view())

        created = [(s.kind, s.manifest["metadata"]["name"]) for s in decided.steps if isinstance(s, Create)]
        assert [(LEASE, "kelos-workspace-abc"), (PVC, "repo"), (JOB, "fix-bug")] == created

    def test_the_claim_goes_with_its_workspace_not_with_a_task(self):
        """The next Task continues in it."""
        (claim,) = [s.manifest for s in plan(self.view()).steps if isinstance(s, Create) and s.kind is PVC]

        assert ["Workspace"] == [owner["kind"] for owner in claim["metadata"]["ownerReferences"]]
        assert (["ReadWriteOnce"], "10Gi") == (
            claim["spec"]["accessModes"],
            claim["spec"]["resources"]["requests"]["storage"],
        )
        assert "storageClassName" not in claim["spec"]

    def test_size_and_class_are_the_installers(self):
        settings = Settings(persistent_size="50Gi", persistent_storage_class="fast")

        decided = plan(self.view(settings=settings))

        (claim,) = [s.manifest for s in decided.steps if isinstance(s, Create) and s.kind is PVC]
        assert ("50Gi", "fast") == (
            claim["spec"]["resources"]["requests"]["storage"],
            claim["spec"]["storageClassName"],
        )

    def test_a_claim_that_is_there_is_used_whoever_made_it(self):
        """So a person chooses another size or class by applying one first."""
        decided = plan(self.view(claim=Claim()))

        assert [LEASE, JOB] == [s.kind for s in decided.steps if isinstance(s, Create)]

    def test_a_claim_on_its_way_out_is_waited_for(self):
        """A pod that names it would never be scheduled."""
        decided = plan(self.view(claim=Claim(is_being_deleted=True)))

        assert ([], "WorkspaceMissing") == (jobs_of(decided), status_of(decided)["reason"])
        assert "PersistentVolumeClaim 'repo' of Workspace 'repo' is being deleted" in status_of(decided)["message"]

    def test_who_is_at_work_in_it_is_named(self):
        held = Lock(scope=Scope.WORKSPACE, label="abc", name="repo", lease={}, holder="other", holder_uid="u")

        status = status_of(plan(self.view(held)))

        assert ("Waiting", "ConcurrencyLimit") == (status["phase"], status["reason"])
        assert "Workspace 'repo' is persistent and serves one Task at a time, now Task 'other'" == status["message"]

    def test_waiting_for_it_never_fails_the_task(self):
        """Whoever is in it may work for hours."""
        held = Lock(scope=Scope.WORKSPACE, label="abc", name="repo", lease={}, holder="other", holder_uid="u")
        first = status_of(plan(self.view(held)))
        task = make.task(workspaceRef={"name": "repo"}, status=first)

        decided = plan(self.view(held, task=task, now=make.NOW + timedelta(days=2)))

        assert () == decided.steps

    def test_the_workspace_is_taken_before_the_branch(self):
        """With one order for all, two Tasks never wait for each other."""
        branch = Lock(scope=Scope.BRANCH, label="def", name="feature")

        decided = plan(self.view(branch="feature", more=(branch,)))

        leases = [s.manifest["metadata"]["name"] for s in decided.steps if isinstance(s, Create) and s.kind is LEASE]
        assert ["kelos-workspace-abc", "kelos-branch-def"] == leases

    def test_its_pods_can_be_found_by_the_lock(self):
        """The volume is free only when nothing runs on it any more."""
        (job,) = [s.manifest for s in plan(self.view()).steps if isinstance(s, Create) and s.kind is JOB]

        assert "abc" == job["spec"]["template"]["metadata"]["labels"]["kelos.dev/workspace-lock"]
        assert "repo" == job["spec"]["template"]["metadata"]["annotations"]["kelos.dev/workspace"]

    def test_two_namespaces_and_two_workspaces_have_locks_of_their_own(self):
        here, there = make.task(), make.task(meta={"namespace": "other"})
        one, two = make.workspace("one", persistent=True), make.workspace("two", persistent=True)

        labels = {lock.label for t in (here, there) for w in (one, two) for lock in wanted_locks(t, w)}

        assert 4 == len(labels)


def test_the_prompt_is_sent_as_written_when_its_template_fails_and_everybody_is_told():
    """The reference's rule, made visible."""
    done = {"a": Dependency(name="a", uid="a", phase=Phase.SUCCEEDED)}
    task = make.task(dependsOn=["a"], prompt="Use {{.Deps.a.Results.nokey}}")

    decided = plan(make.view(task, dependencies=done))

    conditions = {c["type"]: c["status"] for c in status_of(decided)["conditions"]}
    assert "False" == conditions["PromptRendered"]
    assert ["fix-bug"] == jobs_of(decided)


def test_a_strict_template_fails_the_task_instead():
    """No money is spent on a prompt nobody meant."""
    done = {"a": Dependency(name="a", uid="a", phase=Phase.SUCCEEDED)}
    task = make.task(dependsOn=["a"], prompt="Use {{.Deps.a.Results.nokey}}", strictTemplate=True)

    decided = plan(make.view(task, dependencies=done))

    assert ([], "InvalidSpec") == (jobs_of(decided), status_of(decided)["reason"])


def test_a_cancelled_task_that_waits_ends_at_once():
    """There is nothing to stop."""
    task = make.task(
        dependsOn=["a"], meta={"annotations": {names.ANNOTATION_CANCEL: '{"by":"ann","why":"wrong branch"}'}}
    )

    decided = plan(make.view(task, dependencies={"a": None}))

    assert ("Failed", "Cancelled") == (status_of(decided)["phase"], status_of(decided)["reason"])
    assert "Cancelled by ann: wrong branch" == status_of(decided)["message"]


def test_a_result_that_a_dependency_did_not_report_is_an_empty_text():
    """`index` on missing keys is how templates ask for what may not be there."""
    done = {"a": Dependency(name="a", uid="a", phase=Phase.SUCCEEDED, results={})}
    task = make.task(dependsOn=["a"], prompt='PR: "{{index .Deps "a" "Results" "pr"}}"')

    decided = plan(make.view(task, dependencies=done))

    (job,) = [s.manifest for s in decided.steps if isinstance(s, Create) and s.kind is JOB]
    assert ['PR: ""'] == job["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize(
    ("admission", "words"),
    [
        (Admission(spawner="triage", is_suspended=True), "'triage' is suspended"),
        (Admission(spawner="triage", limit=1, ahead=("triage-1",)), "allows 1 at a time, now Task 'triage-1'"),
        (Admission(spawner="triage", limit=2, ahead=("triage-1", "triage-2")), "Tasks 'triage-1', 'triage-2'"),
    ],
)
def test_a_spawned_task_waits_for_a_place(admission, words):
    """It never counts against the start timeout."""
    old = make.task(meta={"creationTimestamp": "2026-02-06T08:00:00Z"})
    decided = plan(make.view(old, admission=admission))

    assert [] == jobs_of(decided)
    assert "ConcurrencyLimit" == status_of(decided)["reason"]
    assert words in status_of(decided)["message"]


@pytest.mark.parametrize("admission", [None, Admission(spawner="triage", limit=2, ahead=("triage-1",))])
def test_a_spawned_task_with_a_place_starts(admission):
    """And one whose TaskSpawner is gone is held by nobody."""
    assert ["fix-bug"] == jobs_of(plan(make.view(admission=admission)))


def test_a_spawned_task_does_not_start_before_it_is_noted():
    """It may have come too late for its trigger, and then it goes without having run."""
    unnoted = make.task(meta={"finalizers": [names.FINALIZER_SPAWNED]})

    assert [] == jobs_of(plan(make.view(unnoted, admission=Admission(spawner="triage"))))
