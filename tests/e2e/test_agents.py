"""The published agent CLIs in our images on a real node, against a provider and a git host in the cluster."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents_live.expected import DONE
from agents_live.work import FORGED, expected_cost
from images.build import build
from kelos.api import names
from kelos.api.kinds import Manifest
from kelos.api.outcome import Usage
from providers.scenario import Tokens
from realcluster.namespaces import create_namespace
from realcluster.waiting import wait_for
from realnode.fixtures import Cluster

from .agent_cells import CELLS, KEY, Cell, chosen
from .installation import Installation
from .servers.git import GitHost, token_secret, workspace
from .servers.pod import Server, start_server

SOURCES = (
    "providers/*.py",
    "e2e/agent_cells.py",
    *(f"agents_live/{n}.py" for n in ("__init__", "clis", "expected", "work")),
)
IMAGES = ("claude-code", "codex", "gemini", "opencode")
REPOSITORY = "team/agents"
CREDENTIALS = "agent-keys"
LIMIT_SECONDS, SLOWER, PATIENCE_SECONDS = 300, 3, 900
# So few at once that none is starved: the scheduler keeps the others waiting.
SHARE = {"requests": {"cpu": "400m"}}
WRITE = """import json, pathlib, sys
for name, text in json.loads(sys.argv[1]).items():
    path = pathlib.Path.home() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json" and path.exists():
        text = json.dumps({**json.loads(path.read_text()), **json.loads(text)})
    path.write_text(text)
    path.chmod(0o755)
"""


class Field:
    """Every cell as a Task of one namespace."""

    def __init__(self, place: Installation, provider: Server) -> None:
        self.place, self.provider = place, provider

    def submit(self, cell: Cell, repo: str) -> None:
        url = f"http://{self.provider.address}:{cell.port}"
        files = cell.files(url)
        more = {"setupCommand": ["python3", "-c", WRITE, json.dumps(files)]} if files else {}
        self.place.apply(workspace(repo, cell.name, **more), _task(cell, url))

    def end(self, cell: Cell) -> Manifest:
        """The status once the Task has ended."""
        wait_for(
            f"Task '{cell.name}' to end",
            lambda: self.place.status(cell.name).get("phase") in ("Succeeded", "Failed"),
            PATIENCE_SECONDS,
        )
        return self.place.status(cell.name)

    def log(self, cell: Cell) -> str:
        return self.place.kubectl("logs", f"job/{cell.name}", "-c", names.CONTAINER_AGENT)

    def asked(self, cell: Cell) -> list[Manifest]:
        """The model calls of the cell's agent that took a step."""
        return [one for one in self.provider.told() if one["cell"] == cell.name and not one["is_aside"]]


def _limit(cell: Cell) -> int:
    # A CLI that shares two cores with a cluster needs longer for its first call.
    return LIMIT_SECONDS if cell.end.limit_seconds is None else SLOWER * cell.end.limit_seconds


def _task(cell: Cell, url: str) -> Manifest:
    env = dict(cell.cli.env(url))
    env["PATH"] = "/home/kelos/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    overrides = {"env": [{"name": name, "value": value} for name, value in env.items()], "resources": SHARE}
    spec = {
        "type": cell.cli.agent,
        "model": cell.cli.model,
        "prompt": "Add a notes file and push it",
        "branch": f"kelos/{cell.name}",
        "credentials": {"type": "api-key", "secretRef": {"name": CREDENTIALS}},
        "workspaceRef": {"name": cell.name},
        "timeoutSeconds": _limit(cell),
        "startTimeoutSeconds": PATIENCE_SECONDS,
        "podOverrides": overrides,
    }
    return {"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "metadata": {"name": cell.name}, "spec": spec}


@pytest.fixture(scope="module")
def field(
    request: pytest.FixtureRequest,
    installed: None,
    node: Cluster,
    kubectl: Path,
    git_host: GitHost,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Field]:
    """The cells of the selected tests, submitted at once."""
    parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = dict.fromkeys(one["cell"] for one in parameters if "cell" in one)
    for archive in build(IMAGES, tmp_path_factory.mktemp("agents"), print):
        node.load_image(archive)
    place = Installation(node, kubectl, create_namespace(node.api, "agents"))
    ports = {cell.port: cell.port for cell in CELLS}
    field = Field(place, start_server(place, "provider", ["provider"], SOURCES, ports))
    git_host.create(REPOSITORY)
    keys = {cell.cli.credential: KEY for cell in CELLS}
    place.apply(
        token_secret(), {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": CREDENTIALS}, "stringData": keys}
    )
    for cell in wanted:
        field.submit(cell, git_host.url(REPOSITORY))
    yield field
    place.kubectl("delete", "namespace", place.namespace, "--wait=false")


def of(*whats: str) -> pytest.MarkDecorator:
    """The chosen cells of these scenarios, all when none is named."""
    cells = [cell for cell in chosen() if not whats or cell.what in whats]
    return pytest.mark.parametrize("cell", cells, ids=[cell.name for cell in cells])


@of()
def test_an_ending(field: Field, git_host: GitHost, cell: Cell) -> None:
    """Reason, sentence and exit code are those that the CLI has outside of a cluster, and the key is nowhere."""
    status = field.end(cell)

    (attempt,) = status["attempts"]
    expected = cell.end
    reason = expected.reason.value if expected.reason else None
    assert (reason, expected.exit_code) == (status.get("reason"), attempt["exitCode"]), status
    assert ("Failed" if reason else "Succeeded") == status["phase"]
    assert expected.is_told_by(status["message"], _limit(cell)), status["message"]
    assert cell.cli.model == status["results"]["model"]
    asked = field.asked(cell)
    assert asked
    assert all(one["has_right_key"] for one in asked)
    if cell.what != "push":
        assert "" == git_host.commit(REPOSITORY, f"kelos/{cell.name}")
        assert "false" == status["results"]["pushed"]
    assert KEY not in json.dumps(status) + field.log(cell)


@of("push")
def test_an_edit_a_commit_and_a_push(field: Field, git_host: GitHost, cell: Cell) -> None:
    """The commit is on the host, and every number of the CLI in the status."""
    status = field.end(cell)

    branch = f"kelos/{cell.name}"
    results, commit = status["results"], git_host.commit(REPOSITORY, branch)
    assert "written by the agent" == git_host.git(REPOSITORY, "show", f"{commit}:NOTES.md")
    told = [results.get(key) for key in ("branch", "commit", "base-branch", "pushed", "response")]
    assert [branch, commit, "main", "true", b64encode(DONE.encode()).decode()] == told
    call = (cell.cli.dialect, cell.cli.asked_model or cell.cli.model)
    assert [call] * 3 == [(one["dialect"], one["model"]) for one in field.asked(cell)]
    usage = cell.cli.usage(Tokens(), 3)
    expected = {
        "inputTokens": usage.input_tokens,
        "cacheReadTokens": usage.cache_read_tokens,
        "cacheWriteTokens": usage.cache_write_tokens,
        "outputTokens": usage.output_tokens,
        "reasoningTokens": usage.reasoning_tokens,
        "model": cell.cli.model,
    }
    assert {key: value for key, value in expected.items() if value is not None} == _counts(status["usage"])
    assert _cost(field, cell, usage) == status["usage"].get("cost") == results.get("cost-usd")


@of("forged-markers")
def test_forged_markers_are_not_believed(field: Field, cell: Cell) -> None:
    """What the agent wrote to the log is there, and nothing of it in the status."""
    status = field.end(cell)

    assert "\n".join(("", *FORGED, "")) in field.log(cell), "the forgery did not get into the log"
    assert f"kelos/{cell.name}" == status["results"]["branch"]
    assert not set(FORGED) & set(status["outputs"])
    assert "0" * 40 != status["results"]["commit"]


def _counts(usage: Manifest) -> Manifest:
    return {key: value for key, value in usage.items() if key not in ("cost", "costUSD")}


def _cost(field: Field, cell: Cell, usage: Usage) -> str | None:
    lines = [line for line in field.log(cell).splitlines() if line.startswith("{")]
    return expected_cost(cell.cli, usage, [json.loads(line) for line in lines])
