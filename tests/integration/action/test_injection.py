"""Text is data. Whatever a prompt, an input, a log or a status holds, nothing comes of it that we did not mean.

The texts are mixtures of all languages on the way (`hostile.py`); the runner's parsers are modelled in `fakes.runner`.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fakes.kubernetes import FakeKubernetes, Fault, Log, Manifest, fake_kubernetes
from fakes.runner import Command, Job
from fakes.runner.commands import ANNOTATIONS, LAYOUT
from fakes.stepper import Stepped, step
from hostile import ENVIRONMENT, EVERYTHING, MARK, texts
from kelos.action.conclusion import Conclusion
from kelos.action.log.text import MESSAGE_LIMIT_BYTES
from kelos.action.outputs import EARLY, OUTPUTS
from kelos.api.kinds import TASK
from kelos.api.reasons import ClientReason, Reason

TOKEN = "the-token-of-the-cluster"
BASIC = {"prompt": "Fix the bug", "credentials-secret": "claude"}
RUN = {
    "GITHUB_REPOSITORY": "acme/widgets",
    "GITHUB_RUN_ID": "16",
    "GITHUB_JOB": "fix",
    "GITHUB_ACTION": "__self",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_EVENT_NAME": "push",
}
REFUSALS = (400, 403, 404, 422)
REASONS = {reason.kebab for reason in Reason} | {reason.value for reason in ClientReason} | {""}
CELL = r"`([^`|]|\\\|)*`|<https://[^>|]+>|\[`[0-9a-f]+`\]\(https://[^)|]+\)"
SUMMARY_LINE = re.compile(rf"|### Kelos Task|\| \| \||\| --- \| --- \||\| [^|`<]+ \| ({CELL}) \|")


class Cluster:
    """A fake cluster for one text after another."""

    def __init__(self, kubernetes: FakeKubernetes) -> None:
        self._kubernetes = kubernetes
        kubernetes.tokens = {TOKEN}

    def step(
        self,
        inputs: Mapping[str, str],
        *,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
        **status: Any,
    ) -> Stepped:
        """One use of the Action; the Task ends at once with this status."""
        kubernetes = self._kubernetes
        kubernetes.forget_history()  # ends what the step before left open
        kubernetes.tasks.clear()
        ended = {"phase": "Succeeded", **status}
        kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"], **ended)
        given = {"kubeconfig": json.dumps(kubernetes.kubeconfig), **inputs}
        return step(given, {**RUN, **(env or {})}, files or {})

    def prints(self, lines: list[str]) -> None:
        """What the agent's container writes to its log."""
        self._kubernetes.add_pod("p")
        stamped = [("2026-01-01T00:00:01.000000000Z", line) for line in lines]
        self._kubernetes.logs["p", "kelos-agent"] = Log(stamped)

    def refuses(self, fault: Fault) -> None:
        """What the server does once, in the next step."""
        self._kubernetes.faults[:] = [fault]

    @property
    def tasks(self) -> list[Manifest]:
        return list(self._kubernetes.tasks.values())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with fake_kubernetes() as fake:
        yield Cluster(fake)


def is_one_clean_line(text: str) -> bool:
    return not [letter for letter in text if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")]


def only_what_we_mean(commands: list[Command], outputs: Mapping[str, str], summary: str) -> None:
    """No command, output, mask or annotation but ours; what they say is one clean line."""
    for command in commands:
        if command.name == "add-mask":
            assert TOKEN == command.data
        elif command.name in ANNOTATIONS:
            assert {"title": "Kelos"} == command.properties
            assert len(command.data.encode()) <= MESSAGE_LIMIT_BYTES + 64
            assert is_one_clean_line(command.data)
        else:
            assert command.name in LAYOUT
            assert MARK not in command.data
    assert len([command for command in commands if command.name == "error"]) <= 1
    assert set(EARLY) <= set(outputs) <= set(OUTPUTS)
    assert [] == [name for name, value in outputs.items() if value and not OUTPUTS[name](value)]
    assert is_one_clean_line(outputs["message"])
    assert outputs["conclusion"] in [one.value for one in Conclusion]
    assert outputs["failure-reason"] in REASONS
    assert [] == [line for line in summary.split("\n") if not SUMMARY_LINE.fullmatch(line)]


def check(seen: Stepped) -> None:
    only_what_we_mean(seen.commands, seen.outputs, seen.summary)
    assert ("", "", "") == tuple(seen.files[name] for name in ("GITHUB_ENV", "GITHUB_STATE", "GITHUB_PATH"))
    assert seen.log.count(TOKEN) <= 1, "it stands in more than its mask"
    assert "has a fault" not in seen.log, seen.log


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Every value of a manifest by where it is."""
    if isinstance(value, dict):
        return {key: leaf for name, inner in value.items() for key, leaf in leaves(inner, f"{path}/{name}").items()}
    if isinstance(value, list):
        return {key: leaf for n, inner in enumerate(value) for key, leaf in leaves(inner, f"{path}/{n}").items()}
    return {path: value}


CHANGING = ("/metadata/uid", "/metadata/resourceVersion", "/metadata/annotations/kelos.dev/spec-hash", "/status")


def submitted(cluster: Cluster) -> dict[str, Any]:
    """The leaves of the only Task, but for what the cluster adds."""
    (task,) = cluster.tasks
    return {path: leaf for path, leaf in leaves(task).items() if not path.startswith(CHANGING)}


def as_input(prompt: str) -> dict[str, Any]:
    return {"inputs": {**BASIC, "prompt": prompt}}


def as_file(prompt: str) -> dict[str, Any]:
    return {"inputs": {**BASIC, "prompt": "", "prompt-file": "p.md"}, "files": {"p.md": prompt.encode()}}


def as_json(prompt: str) -> dict[str, Any]:
    task = {"apiVersion": TASK.api_version, "kind": TASK.kind, "spec": {"prompt": prompt}}
    return {"inputs": {**BASIC, "prompt": "", "task-file": "t"}, "files": {"t": json.dumps(task).encode()}}


def as_yaml(prompt: str) -> dict[str, Any]:
    task = {"apiVersion": TASK.api_version, "kind": TASK.kind, "spec": {"prompt": prompt}}
    return {"inputs": {**BASIC, "prompt": "", "task-file": "t"}, "files": {"t": yaml.safe_dump(task).encode()}}


@settings(max_examples=100)
@given(prompt=ENVIRONMENT.filter(str.strip), way=st.sampled_from([as_input, as_file, as_json, as_yaml]))
@example(prompt=EVERYTHING, way=as_input)
@example(prompt=EVERYTHING, way=as_file)
@example(prompt=EVERYTHING, way=as_yaml)
def test_any_prompt_is_stored_as_it_was_and_changes_nothing_else(cluster: Cluster, prompt, way):
    """Not a character is lost, and no other field of the Task differs from that of a plain prompt."""
    cluster.step(BASIC)
    plain = submitted(cluster)

    check(cluster.step(**way(prompt)))

    stored = prompt.removeprefix("\ufeff") if way is as_file else prompt  # there it tells how the file is written
    assert {**plain, "/spec/prompt": stored} == submitted(cluster)


@settings(max_examples=40)
@given(prompt=ENVIRONMENT.filter(str.strip))
@example(prompt=EVERYTHING)
def test_a_dry_run_shows_any_prompt_as_text(cluster: Cluster, prompt):
    """The whole manifest goes to the log, where the runner reads every line of it."""
    seen = cluster.step({**BASIC, "prompt": prompt, "dry-run": "true"})

    check(seen)
    assert (0, []) == (seen.code, cluster.tasks)
    assert ["add-mask", "group", "endgroup"] == [command.name for command in seen.commands][:3]


@pytest.mark.parametrize("name", ["prompt", "model", "branch", "task-file", "require-results"])
def test_bytes_that_are_no_text_are_refused(cluster: Cluster, name):
    """A variable may hold any bytes; no cluster takes them as they are."""
    seen = cluster.step({**BASIC, name: b"a\xff".decode(errors="surrogateescape")})

    assert (2, []) == (seen.code, cluster.tasks)
    assert f"The input `{name}` is not UTF-8 at character 1: save it as UTF-8" == seen.outputs["message"]


WHERE = {
    "branch": "/spec/branch",
    "base-ref": "/spec/baseRef",
    "model": "/spec/model",
    "effort": "/spec/effort",
    "image": "/spec/image",
    "workspace": "/spec/workspaceRef",
    "agent-config": "/spec/agentConfigRefs",
    "depends-on": "/spec/dependsOn",
    "env": "/spec/podOverrides/env",
    "secret-env": "/spec/podOverrides/env",
    "resources": "/spec/podOverrides/resources",
    "node-selector": "/spec/podOverrides/nodeSelector",
    "labels": "/metadata/labels",
    "annotations": "/metadata/annotations",
    "name-suffix": "/metadata/name",
    "retries": "/spec/retries",
    "retry-on": "/spec/retryOn",
    "credentials-secret": "/spec/credentials",
    "credentials-type": "/spec/credentials",
    "type": "/spec/type",
    "timeout": "/spec/timeoutSeconds",
    "ttl": "/spec/ttlSecondsAfterFinished",
    "name": "/metadata/name",
    "namespace": "/metadata/namespace",
    "lease": "/metadata/annotations/kelos.dev/client-lease",
    "require-results": "nowhere",
    "logs": "nowhere",
    "kube-context": "nowhere",
}


@settings(max_examples=150)
@given(name=st.sampled_from(sorted(WHERE)), text=ENVIRONMENT)
@example(name="branch", text=EVERYTHING)
@example(name="model", text=EVERYTHING)
@example(name="base-ref", text=f"a/$(touch${{IFS}}{MARK})")
@example(name="branch", text=f"a/$(touch${{IFS}}{MARK})")
@example(name="env", text=f"A=$(touch {MARK}) `touch {MARK}`\nB=::error::x\nC=${{{{ secrets.KEY }}}}")
@example(name="annotations", text=f"a/b=$(touch {MARK}), ##[error]x\nc=\n\u2028::error::y=")
@example(name="labels", text="a=b,kelos.dev/run-id=7")
def test_any_input_touches_its_own_field_only(cluster: Cluster, name, text):
    """It arrives as it was but for the space around it, or the step ends and says why; nothing lies between."""
    basic = {**BASIC, "workspace": "repo"} if name == "base-ref" else BASIC
    cluster.step(basic)
    plain = submitted(cluster)

    seen = cluster.step({**basic, name: text})

    check(seen)
    if cluster.tasks:
        found = submitted(cluster)
        assert [] == [
            path for path in {*plain, *found} if plain.get(path) != found.get(path) and not path.startswith(WHERE[name])
        ]
        if name in ("branch", "base-ref", "model", "effort", "image") and text.strip():
            assert text.strip() == found[WHERE[name]]
    else:
        assert seen.code in (2, 3)
        assert ["error"] == [command.name for command in seen.commands if command.name in ANNOTATIONS]


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "GITHUB_REPOSITORY",
                "GITHUB_JOB",
                "GITHUB_WORKFLOW",
                "GITHUB_TRIGGERING_ACTOR",
                "GITHUB_SHA",
                "KELOS_MATRIX",
            ]
        ),
        ENVIRONMENT,
    )
)
def test_any_run_names_its_task_legally(cluster: Cluster, facts):
    """Workflow names, matrix values and actors are other people's words too; the spec knows none of them."""
    cluster.step(BASIC)
    plain = submitted(cluster)

    check(cluster.step(BASIC, env=facts))

    (task,) = cluster.tasks
    assert {path: leaf for path, leaf in plain.items() if path.startswith("/spec")} == {
        path: leaf for path, leaf in submitted(cluster).items() if path.startswith("/spec")
    }
    assert re.fullmatch(r"gha-[-a-z0-9]{1,48}", task["metadata"]["name"])
    assert all(
        re.fullmatch(r"([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]", v) for v in task["metadata"]["labels"].values()
    )


def says(text: str) -> str:
    return json.dumps({"type": "assistant", "message": {"content": [{"type": "text", "text": text}]}})


def uses_tool(text: str) -> str:
    tool = {"type": "tool_use", "id": "x", "name": text, "input": {"command": text, "file_path": text}}
    return json.dumps({"type": "assistant", "message": {"content": [tool]}})


def ends(text: str) -> str:
    return json.dumps({"type": "result", "subtype": text, "result": text, "total_cost_usd": 1, "num_turns": 2})


LINES = st.lists(
    st.one_of(
        texts(),
        *(texts().map(form) for form in (says, uses_tool, ends)),
        st.binary(max_size=20).map(lambda data: data.decode(errors="surrogateescape")),
    ),
    max_size=6,
)


@settings(max_examples=100)
@given(lines=LINES, logs=st.sampled_from(["stream", "on-failure"]), phase=st.sampled_from(["Succeeded", "Failed"]))
@example(lines=[EVERYTHING, says(EVERYTHING), uses_tool(EVERYTHING), ends(EVERYTHING)], logs="stream", phase="Failed")
def test_no_line_of_a_log_is_obeyed(cluster: Cluster, lines, logs, phase):
    """Raw, inside an agent's own JSON, shown live or at the end: the runner sees text."""
    cluster.prints(lines)

    check(cluster.step({**BASIC, "logs": logs}, phase=phase, podName="p"))


KNOWN = sorted({*OUTPUTS, "pushed", "base-commit", "response", "outputs"})
STATUS = st.fixed_dictionaries(
    {},
    optional={
        "message": texts(),
        "reason": st.one_of(st.sampled_from([reason.value for reason in Reason]), texts()),
        "jobName": texts(),
        "results": st.dictionaries(st.one_of(st.sampled_from(KNOWN), texts()), texts(), max_size=6),
        "usage": st.dictionaries(st.sampled_from(["cost", "inputTokens", "outputTokens", "model"]), texts()),
        "diagnosis": st.fixed_dictionaries({"message": texts(), "advice": texts()}),
        "startTime": texts(),
        "conditions": st.lists(
            st.fixed_dictionaries({"type": st.just("PromptRendered"), "status": st.just("False"), "message": texts()}),
            max_size=1,
        ),
    },
)


@settings(max_examples=150)
@given(status=STATUS, phase=st.sampled_from(["Succeeded", "Failed"]), required=st.sampled_from(["", "branch,pr"]))
@example(
    status={"message": EVERYTHING, "reason": EVERYTHING, "results": dict.fromkeys(KNOWN, EVERYTHING)},
    phase="Failed",
    required="",
)
def test_no_word_of_a_status_becomes_more_than_a_value(cluster: Cluster, status, phase, required):
    """Results, messages and names come from agents and images: each passes its own check or is left out."""
    settled = [{"type": "Succeeded", "status": "True"}, *status.get("conditions", ())]

    check(cluster.step({**BASIC, "require-results": required}, phase=phase, **{**status, "conditions": settled}))


def test_an_output_that_the_runner_will_drop_is_warned_about(cluster: Cluster):
    """Masked text inside an output of a job empties it, and nobody learns why."""
    seen = cluster.step(BASIC, results={"branch": f"fix/{TOKEN}"}, message="done")

    warnings = [command.data for command in seen.commands if command.name == "warning"]
    assert ["branch", "results"] == [warning.split("`")[1] for warning in warnings][:2]
    assert "holds a masked value: as an output of the job it will be empty" in warnings[0]


@settings(max_examples=60)
@given(where=st.sampled_from(["^POST", "/log", "watch=true"]), status=st.sampled_from(REFUSALS), text=texts())
@example(where="^POST", status=422, text=EVERYTHING)
@example(where="/log", status=403, text=EVERYTHING)
def test_no_word_of_a_refusal_becomes_more_than_a_sentence(cluster: Cluster, where, status, text):
    """Servers, proxies and policies quote what they refuse."""
    cluster.prints(["hello"])
    cluster.refuses(Fault(where, status=status, message=text, details={"causes": [{"field": text, "message": text}]}))

    seen = cluster.step(BASIC, podName="p")

    check(seen)
    assert where == "watch=true" or (where == "^POST") == (seen.code in (2, 3)), seen.log


@pytest.mark.parametrize("field", ["prompt", "branch", "log", "status"])
def test_all_of_it_through_the_composite(job: Job, kubernetes: FakeKubernetes, field):
    """The same with bash, the runner's files and action.yml around it."""
    kubernetes.tokens = {TOKEN}
    (job.folder / "kubeconfig.json").write_text(json.dumps(kubernetes.kubeconfig))
    kubernetes.add_pod("p")
    lines = [EVERYTHING, says(EVERYTHING), uses_tool(EVERYTHING)] if field == "log" else []
    kubernetes.logs["p", "kelos-agent"] = Log([("2026-01-01T00:00:01Z", line) for line in lines])
    said = {"message": EVERYTHING, "results": dict.fromkeys(KNOWN, EVERYTHING)} if field == "status" else {}
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"], podName="p", **said)
    inputs = {**BASIC, **({field: EVERYTHING} if field in BASIC or field == "branch" else {})}

    result = job.use(with_=inputs)

    outputs = {name: value for name, value in result.steps["run"].items() if name in OUTPUTS}
    only_what_we_mean(result.commands, outputs, result.summary)
    assert ({}, [TOKEN]) == (result.variables, result.masks)
    assert outputs == {name: result.outputs[name] for name in outputs}
    assert [] == list(job.folder.rglob(MARK))
    if field == "prompt":
        assert EVERYTHING == kubernetes.task()["spec"]["prompt"]
