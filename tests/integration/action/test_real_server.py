"""The Action against a real kube-apiserver, whose words, selectors, preconditions and access rules are the judge."""

import json
import threading
from pathlib import Path

import pytest

from fakes.runner import Job
from kelos.action.api.client import Api
from kelos.action.api.credentials import Credentials
from kelos.action.api.kubeconfig import find_target
from kelos.action.cancel import Handle, end_task
from kelos.api.kinds import TASK
from kelos.errors import Conflict
from realcluster.control_plane import ControlPlane
from realcluster.submitters import submitter

pytestmark = pytest.mark.cluster

BASIC = {"prompt": "Fix the bug", "credentials-secret": "claude"}
RULES = [
    {"apiGroups": ["kelos.dev"], "resources": ["tasks"], "verbs": ["create", "get", "list", "watch", "patch"]},
    {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get"]},
]
DONE = {
    "phase": "Succeeded",
    "message": "The agent ended normally",
    "results": {"branch": "b", "commit": "c" * 40},
    "conditions": [
        {
            "type": "Succeeded",
            "status": "True",
            "reason": "Done",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ],
}


@pytest.fixture
def job(tmp_path: Path, real_cluster: ControlPlane, real_namespace: str) -> Job:
    return Job(tmp_path, env={"KUBECONFIG": str(real_cluster.kubeconfig), "GITHUB_RUN_ID": real_namespace})


def play(cluster: ControlPlane, namespace: str, *statuses: dict) -> threading.Thread:
    """A controller that gives the first Task of the namespace these statuses, one after the other."""
    path = TASK.path(namespace)
    version = cluster.api.get(path).expect(200)["metadata"]["resourceVersion"]

    def run() -> None:
        with cluster.api.watch(path, resourceVersion=version) as changes:
            name = changes.until("ADDED")[-1]["object"]["metadata"]["name"]
        for status in statuses:
            cluster.api.patch(f"{path}/{name}/status", {"status": status}).expect(200)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_the_smallest_role_is_enough(job: Job, real_cluster: ControlPlane, real_namespace: str, tmp_path: Path):
    """The documentation names these rules; one more would be too many, one less would not do."""
    kubeconfig = submitter(real_cluster, real_namespace, RULES, tmp_path)
    thread = play(real_cluster, real_namespace, {"phase": "Running"}, DONE)

    result = job.use(with_={**BASIC, "kubeconfig": kubeconfig})

    thread.join(60)
    assert (0, "success", "b") == (result.code, result.outputs["conclusion"], result.outputs["branch"]), result.log
    assert "warning" not in result.log


def test_without_the_right_to_watch_it_reads_again_and_again(
    job: Job, real_cluster: ControlPlane, real_namespace: str, tmp_path: Path
):
    """Some platforms hand out no watches."""
    rules = [{**RULES[0], "verbs": ["create", "get", "patch"]}, RULES[1]]
    kubeconfig = submitter(real_cluster, real_namespace, rules, tmp_path)
    play(real_cluster, real_namespace, DONE)

    result = job.use(with_={**BASIC, "kubeconfig": kubeconfig})

    assert (0, "success") == (result.code, result.outputs["conclusion"]), result.log
    assert "Watching Tasks is not allowed here" in result.log


def test_without_the_right_to_create_it_names_the_rule(
    job: Job, real_cluster: ControlPlane, real_namespace: str, tmp_path: Path
):
    """Whoever grants it can copy the rule from the message."""
    kubeconfig = submitter(real_cluster, real_namespace, RULES[1:], tmp_path)

    result = job.use(with_={**BASIC, "kubeconfig": kubeconfig})

    assert (3, "not-authorized") == (result.code, result.outputs["failure-reason"])
    assert f"add to the Role in namespace '{real_namespace}' the rule apiGroups" in result.outputs["message"]


def test_a_namespace_that_is_missing(job: Job):
    """A typo, and the most common one."""
    result = job.use(with_={**BASIC, "namespace": "no-such-namespace"})

    assert (2, "invalid-input") == (result.code, result.outputs["failure-reason"]), result.log
    assert "Namespace 'no-such-namespace' does not exist" in result.outputs["message"]


def test_a_spec_that_the_schema_refuses_is_shown_by_field(job: Job, real_namespace: str):
    """The API server's own words, and the field they are about."""
    (job.folder / "workspace/task.json").write_text(
        json.dumps({"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "spec": {"retries": 99}})
    )

    result = job.use(with_={**BASIC, "task-file": "task.json", "namespace": real_namespace})

    assert (2, "invalid-input") == (result.code, result.outputs["failure-reason"]), result.log
    assert "spec.retries" in result.outputs["message"]


def test_a_dry_run_asks_the_server(job: Job, real_cluster: ControlPlane, real_namespace: str):
    """All of admission speaks, and nothing is stored."""
    result = job.use(with_={**BASIC, "namespace": real_namespace, "dry-run": "true"})

    assert (0, "skipped") == (result.code, result.outputs["conclusion"]), result.log
    assert [] == real_cluster.api.get(TASK.path(real_namespace)).expect(200)["items"]


def chain_file(job: Job, **last: object) -> None:
    """Two Tasks, the second of which depends on the first and has these fields."""
    specs = {"first": {}, "second": {"dependsOn": ["first"], **last}}
    documents = [
        {"apiVersion": TASK.api_version, "kind": "Task", "metadata": {"name": name}, "spec": {"prompt": "x", **spec}}
        for name, spec in specs.items()
    ]
    (job.folder / "workspace/chain.yaml").write_text("\n---\n".join(json.dumps(one) for one in documents))


CHAIN = {"task-file": "chain.yaml", "credentials-secret": "claude"}


def test_a_chain_needs_no_wider_role(job: Job, real_cluster: ControlPlane, real_namespace: str, tmp_path: Path):
    """Each Task has a watch, a lease and a log of its own, all by the same rules."""
    chain_file(job)
    kubeconfig = submitter(real_cluster, real_namespace, RULES, tmp_path)
    path = TASK.path(real_namespace)
    version = real_cluster.api.get(path).expect(200)["metadata"]["resourceVersion"]

    def run() -> None:
        with real_cluster.api.watch(path, resourceVersion=version) as changes:
            names = [changes.until("ADDED")[-1]["object"]["metadata"]["name"] for _ in range(2)]
        for name in names:
            real_cluster.api.patch(f"{path}/{name}/status", {"status": DONE}).expect(200)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    result = job.use(with_={**CHAIN, "kubeconfig": kubeconfig})

    thread.join(60)
    assert (0, "All 2 Tasks succeeded") == (result.code, result.outputs["message"]), result.log
    assert "warning" not in result.log
    told = json.loads(result.outputs["tasks"])
    stored = real_cluster.api.get(f"{path}/{told['second']['task-name']}").expect(200)
    assert [told["first"]["task-name"]] == stored["spec"]["dependsOn"]


def test_a_chain_is_checked_whole_before_its_first_task(job: Job, real_cluster: ControlPlane, real_namespace: str):
    """The second Task would be refused, so the first one must not begin to spend."""
    chain_file(job, retries=99)

    result = job.use(with_={**CHAIN, "namespace": real_namespace})

    assert (2, "invalid-input") == (result.code, result.outputs["failure-reason"]), result.log
    assert "spec.retries" in result.outputs["message"]
    assert [] == real_cluster.api.get(TASK.path(real_namespace)).expect(200)["items"]


def test_a_cancel_is_for_one_task_and_not_for_its_name(real_cluster: ControlPlane, real_namespace: str, tmp_path: Path):
    """The uid is a precondition of the patch: a Task that was made anew under the name is left alone."""
    target = find_target(str(real_cluster.kubeconfig), "", {}, tmp_path)
    api = Api(target, Credentials(target))
    spec = {"prompt": "x", "type": "demo", "credentials": {"type": "none"}}
    made = api.create(
        TASK, real_namespace, {"apiVersion": TASK.api_version, "kind": "Task", "metadata": {"name": "t"}, "spec": spec}
    )

    other = end_task(
        api, Handle(namespace=real_namespace, name="t", uid="11111111-2222-3333-4444-555555555555"), "test"
    )
    untouched = api.get(TASK, real_namespace, "t")["metadata"].get("annotations", {})
    own = end_task(api, Handle(namespace=real_namespace, name="t", uid=made["metadata"]["uid"]), "test")
    asked = api.get(TASK, real_namespace, "t")["metadata"]["annotations"]

    assert (True, {}, True, ["kelos.dev/cancel-requested"]) == (other, untouched, own, list(asked))


def test_a_deletion_is_for_one_task_and_not_for_its_name(
    real_cluster: ControlPlane, real_namespace: str, tmp_path: Path
):
    """The same for `on-cancel: delete` and `cleanup`."""
    target = find_target(str(real_cluster.kubeconfig), "", {}, tmp_path)
    api = Api(target, Credentials(target))
    spec = {"prompt": "x", "type": "demo", "credentials": {"type": "none"}}
    made = api.create(
        TASK, real_namespace, {"apiVersion": TASK.api_version, "kind": "Task", "metadata": {"name": "t"}, "spec": spec}
    )

    with pytest.raises(Conflict):
        api.delete(TASK, real_namespace, "t", uid="11111111-2222-3333-4444-555555555555")
    there = api.list(TASK, real_namespace, {})["items"]
    api.delete(TASK, real_namespace, "t", uid=made["metadata"]["uid"])

    assert (1, 0) == (len(there), len(api.list(TASK, real_namespace, {})["items"]))


def test_every_wish_for_the_pod_is_a_field_of_the_task(job: Job, real_cluster: ControlPlane, real_namespace: str):
    """The server is asked to refuse what its schema does not know."""
    wishes = {
        "env": "LEVEL=3",
        "secret-env": "NPM_TOKEN=registry/token",
        "resources": "cpu=2, limits.memory=4Gi",
        "node-selector": "kubernetes.io/arch=arm64",
        "labels": "team=blue",
        "annotations": "example.com/why=because, of this",
        "retries": "2",
        "retry-on": "rate-limited, agent-incomplete",
    }
    (job.folder / "kubeconfig.json").write_text(real_cluster.kubeconfig.read_text())

    result = job.use(with_={**BASIC, **wishes, "namespace": real_namespace, "dry-run": "true"})

    assert (0, "skipped") == (result.code, result.outputs["conclusion"]), result.log
    assert '"secretKeyRef"' in result.log
