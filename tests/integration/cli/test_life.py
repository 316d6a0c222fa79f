"""The whole life of Tasks through the command line, against a plane that runs."""

from __future__ import annotations

import json

import pytest
import yaml

import make

from .person import Person, tells

FAILS = "usage input=10 output=2 cost=0.5\nfail the tests are red"


def test_a_task_is_run_read_and_deleted(neighbour: Person) -> None:
    """stdout is the answer, stderr the talk: the agent's words alone can be piped on."""
    run = neighbour.run("run", "--type", "demo", "-p", "say hello\nusage input=10 output=2", "--name", "one", "--wait")
    read = neighbour.run("logs", "one")
    table = neighbour.run("get", "tasks").stdout.splitlines()
    detail = neighbour.run("get", "task", "one", "--detail").stdout
    status = neighbour.get("task", "one")["status"]
    neighbour.run("delete", "task", "one")

    assert "task/one created\nhello\n" == run.stdout
    assert "task/one Succeeded" in run.stderr
    assert "hello\n" == read.stdout
    assert ["one", "demo", "Succeeded"] == next(line.split()[:3] for line in table if line.startswith("one"))
    assert "Tokens:" in detail
    assert ("10", "2") == (status["results"]["input-tokens"], status["results"]["output-tokens"])
    assert "not found in namespace 'default'" in neighbour.run("get", "task", "one", code=3).stderr


def test_a_failed_task_says_why_and_fails_the_command(neighbour: Person) -> None:
    """A script must not go on, and a person must not have to look for the reason."""
    run = neighbour.run("run", "--type", "demo", "-p", FAILS, "--name", "bad", "--wait", code=1)
    watch = neighbour.run("run", "--type", "demo", "-p", FAILS, "--name", "bad-too", "--watch", code=1)
    logs = neighbour.run("logs", "bad", "--follow", code=1)

    assert "task/bad Failed (AgentError): demo failed: Line 2 (fail): the tests are red" in run.stderr
    assert "Read the log: kelos logs bad-too -n default" in watch.stderr
    assert "task/bad Failed (AgentError)" in logs.stderr
    assert "task/bad Failed (AgentError)" in neighbour.run("logs", "bad").stderr
    assert ["bad", "bad-too"] == sorted(json_names(neighbour, "--phase", "failed"))


def test_what_a_task_used_is_kept_when_it_is_deleted(neighbour: Person) -> None:
    """The bill: who used what, its sum in the talk."""
    prompt = "usage input=1200 output=300 cache-read=9000 cost=0.4213"
    neighbour.run("run", "--type", "demo", "-p", prompt, "--name", "billed", "--wait")
    neighbour.run("delete", "task", "billed")

    bill = neighbour.run("get", "taskrecords")
    records = json.loads(neighbour.run("get", "tr", "-o", "json").stdout)["items"]

    (line,) = [line.split() for line in bill.stdout.splitlines() if line.startswith("billed")]
    assert ["billed", "Succeeded", "demo", "demo", "0.4213", "1200", "9000", "300"] == line[:8]
    assert f"{len(records)} record" in bill.stderr
    assert " USD" in bill.stderr


def test_logs_wait_for_a_task_that_waits(neighbour: Person) -> None:
    """`logs -f` may come first: it shows the pod's log as soon as there is one."""
    neighbour.run("run", "--type", "demo", "-p", "say at last", "--name", "late", "--depends-on", "early")
    early = neighbour.run("logs", "late", code=2).stderr
    follow = neighbour.start("logs", "late", "-f")
    tells(follow, "Waiting (DependencyMissing)")
    neighbour.run("run", "--type", "demo", "-p", "say now", "--name", "early")

    said = tells(follow, "task/late Succeeded")
    assert 0 == follow.wait(30)
    assert "at last\n" in said
    assert "There is no log yet: task/late" in early
    assert follow.stdout is not None
    follow.stdout.close()


def test_a_cancelled_task_ends_and_keeps_what_it_did(neighbour: Person) -> None:
    """Cancel is not delete."""
    neighbour.run("run", "--type", "demo", "-p", "say working\nsleep 300", "--name", "long")
    follow = neighbour.start("logs", "long", "-f")
    tells(follow, "working")
    answer = neighbour.run("cancel", "long", "--why", "changed my mind").stdout
    said = tells(follow, "task/long Failed (Cancelled)")

    assert 1 == follow.wait(30)
    assert "task/long is being cancelled\n" == answer
    assert "changed my mind" in said
    assert "already ended" in neighbour.run("cancel", "long").stdout
    assert follow.stdout is not None
    follow.stdout.close()


def test_several_are_named_at_once(neighbour: Person) -> None:
    """As with kubectl: each that is there is served, and the others are told of together."""
    for name in ("north", "south"):
        neighbour.run("run", "--type", "demo", "-p", "sleep 300", "--name", name)

    shown = neighbour.run("get", "task", "north", "nobody", "south", code=3)
    both = json.loads(neighbour.run("get", "tasks", "north", "south", "-o", "json").stdout)["items"]
    stopped = neighbour.run("cancel", "task/north", "nobody", "no-one", "south", code=3)
    deleted = neighbour.run("delete", "tasks", "north", "south")

    assert ["NAME", "north", "south"] == [line.split()[0] for line in shown.stdout.splitlines()]
    assert 'tasks.kelos.dev "nobody" not found in namespace' in shown.stderr
    assert ["north", "south"] == [task["metadata"]["name"] for task in both]
    assert "task/north is being cancelled\ntask/south is being cancelled\n" == stopped.stdout
    assert 'tasks.kelos.dev "nobody", "no-one" not found in namespace' in stopped.stderr
    assert "task/north deleted\ntask/south deleted\n" == deleted.stdout


def test_a_file_that_the_server_refuses_is_named(neighbour: Person) -> None:
    """Of many documents in many files, which one, and what is wrong with it."""
    task = {"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "metadata": {"name": "odd"}, "spec": {"promt": "x"}}
    lost = {**task, "metadata": {"name": "lost", "namespace": "nowhere"}, "spec": make.task_manifest()["spec"]}

    misspelt = neighbour.run("apply", "-f", "-", stdin=json.dumps(task), code=3).stderr
    homeless = neighbour.run("apply", "-f", "-", stdin=json.dumps(lost), code=3).stderr

    assert "Error from server (BadRequest): Task 'odd' in '-': " in misspelt
    assert 'unknown field "spec.promt"' in misspelt
    assert "Task 'lost' in '-': Namespace 'nowhere' does not exist; create it, or correct --namespace" in homeless


def test_files_are_applied_whole_or_not_at_all(neighbour: Person) -> None:
    """A mistake in the last document leaves the first one unsent."""
    workspace = {
        "apiVersion": "kelos.dev/v1alpha2",
        "kind": "Workspace",
        "metadata": {"name": "shop"},
        "spec": {"repo": "https://example.com/shop.git"},
    }
    session = {**workspace, "kind": "Session", "metadata": {"name": "talk"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}

    refused = neighbour.run("apply", "-f", "-", stdin=yaml.safe_dump_all([workspace, session]), code=2).stderr
    foreign = neighbour.run("apply", "-f", "-", stdin=yaml.safe_dump(pod), code=2).stderr
    assert [] == json_names(neighbour, kind="workspaces")
    first = neighbour.run("apply", "-f", "-", stdin=json.dumps(workspace)).stdout
    again = neighbour.run("apply", "-f", "-", stdin=json.dumps(workspace)).stdout
    workspace["spec"] = {"repo": "https://example.com/other.git"}
    changed = neighbour.run("apply", "-f", "-", stdin=json.dumps(workspace)).stdout

    assert "Session 'talk' in '-': this version of kelos does not support Session" in refused
    assert "Pod 'p' in '-' is no kind that kelos applies; use kubectl for it" in foreign
    assert ["workspace/shop created", "workspace/shop unchanged", "workspace/shop configured"] == [
        text.strip() for text in (first, again, changed)
    ]
    neighbour.run("delete", "ws", "shop")


def test_output_formats_are_contracts(neighbour: Person) -> None:
    """One object or a list of its kind; nothing that only tools care about."""
    neighbour.run("run", "--type", "demo", "-p", "say x", "--name", "shaped", "--wait")

    one = json.loads(neighbour.run("get", "task", "shaped", "-o", "json").stdout)
    many = yaml.safe_load(neighbour.run("get", "tasks", "-o", "yaml").stdout)
    assert ("kelos.dev/v1alpha2", "Task", "shaped") == (one["apiVersion"], one["kind"], one["metadata"]["name"])
    assert "managedFields" not in one["metadata"]
    assert ("kelos.dev/v1alpha2", "TaskList") == (many["apiVersion"], many["kind"])
    assert one in many["items"]
    assert "task/shaped\n" == neighbour.run("get", "task", "shaped", "-o", "name").stdout


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("get", "taks"), 2, "'taks' is no resource of kelos; use one of task, taskspawner, workspace, agentconfig"),
        (("get", "tasks", "--phase", "done"), 2, "use Pending, Waiting, Running, Succeeded, Failed"),
        (("get", "task", "x", "-A"), 2, "exclude each other"),
        (
            ("get", "task", "x", "-n", "team"),
            3,
            'Error from server (NotFound): tasks.kelos.dev "x" not found in namespac',
        ),
        (("logs", "x"), 3, "'kelos get tasks -A' lists those of all namespaces"),
        (("logs", "x", "-f"), 3, "Error from server (NotFound)"),
        (("cancel", "x"), 3, "Error from server (NotFound)"),
        (("delete", "ws", "x"), 3, 'workspaces.kelos.dev "x" not found'),
        (("delete", "tasks"), 2, "Give either a name or --all"),
        (("delete", "tasks", "--all"), 2, "say so with --yes"),
        (("run", "--type", "demo"), 2, "Give the prompt with either --prompt or --prompt-file"),
        (("run", "--type", "other", "-p", "x"), 2, "'other' is not one of"),
        (("run", "--type", "demo", "-p", "x", "-n", "nowhere"), 3, "Namespace 'nowhere' does not exist; create it, or"),
        (("describe", "task", "x"), 2, "No such command 'describe'; 'kelos get RESOURCE NAME --detail' shows one"),
        (("frobnicate",), 2, "No such command 'frobnicate'"),
    ],
)
def test_a_mistake_is_a_sentence_and_a_code(
    neighbour: Person, words: tuple[str, ...], code: int, sentence: str
) -> None:
    """It names the object and what to try."""
    assert sentence in neighbour.run(*words, code=code).stderr


def test_a_name_is_used_once(neighbour: Person) -> None:
    """The second Task is refused with what to do; the first one is untouched."""
    neighbour.run("run", "--type", "demo", "-p", "say x", "--name", "twice")

    said = neighbour.run("run", "--type", "demo", "-p", "say y", "--name", "twice", code=3).stderr
    assert "Task 'twice' already exists in namespace 'default'; choose another --name" in said
    assert "say x" == neighbour.get("task", "twice")["spec"]["prompt"]


def json_names(person: Person, *words: str, kind: str = "tasks") -> list[str]:
    found = json.loads(person.run("get", kind, "-o", "json", *words).stdout)
    return [item["metadata"]["name"] for item in found["items"]]
