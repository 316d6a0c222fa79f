"""Every cell of the agents' table as a Task of one namespace, and what the Tasks need around them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents_live import mcp_server
from agents_live.equipment import DOCUMENT, INSTRUCTIONS, PLUGIN, SKILL_NAME, STAMP, server
from images.build import build
from kelos.api import names
from kelos.api.kinds import Manifest
from realcluster.namespaces import create_namespace
from realcluster.waiting import wait_for
from realnode.fixtures import Cluster

from .agent_cells import CELLS, KEY, Cell
from .installation import Installation
from .servers.git import GitHost, token_secret, workspace
from .servers.pod import Server, start_server

SOURCES = (
    "providers/*.py",
    "e2e/agent_cells.py",
    *(f"agents_live/{n}.py" for n in ("__init__", "clis", "equipment", "expected", "work")),
)
IMAGES = ("claude-code", "codex", "gemini", "opencode")
REPOSITORY = "team/agents"
CREDENTIALS, STAMPS, SCRIPTS = "agent-keys", "stamps", "/scripts"
LIMIT_SECONDS, SLOWER, PATIENCE_SECONDS = 300, 3, 900
# So few at once that none is starved: the scheduler keeps the others waiting.
SHARE = {"requests": {"cpu": "400m"}}
WRITE = """import json, pathlib, sys
for name, text in json.loads(sys.argv[1]).items():
    path = pathlib.Path.home() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json" and path.exists():
        text = json.dumps({**json.loads(path.read_text()), **json.loads(text)})
    if path.suffix == ".toml" and path.exists():
        text += path.read_text()
    path.write_text(text)
    path.chmod(0o755)
"""


class Field:
    """Every cell as a Task of one namespace."""

    def __init__(self, place: Installation, provider: Server, cells: tuple[Cell, ...]) -> None:
        self.place, self.provider, self.cells = place, provider, cells

    def submit(self, cell: Cell, repo: str) -> None:
        url = f"http://{self.provider.address}:{cell.port}"
        files = cell.files(url)
        more = {"setupCommand": ["python3", "-c", WRITE, json.dumps(files)]} if files else {}
        self.place.apply(workspace(repo, cell.name, **more), _task(cell, url))

    def equip(self) -> None:
        """What the Tasks of the equipped cells refer to: two AgentConfigs, a Secret, and the tool server's program."""
        stamp = {"name": "NOTES_STAMP", "valueFrom": {"secretKeyRef": {"name": STAMPS, "key": "stamp"}}}
        skills = [{"name": SKILL_NAME, "content": DOCUMENT}]
        told = {"agentsMD": INSTRUCTIONS, "plugins": [{"name": PLUGIN, "skills": skills}]}
        served = {"mcpServers": [server(f"{SCRIPTS}/mcp_server.py", "/tmp/book", env=[stamp])]}
        script = Path(mcp_server.__file__).read_text()
        self.place.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": STAMPS}, "stringData": {"stamp": STAMP}},
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "script"},
                "data": {"mcp_server.py": script},
            },
            {"apiVersion": "kelos.dev/v1alpha2", "kind": "AgentConfig", "metadata": {"name": "told"}, "spec": told},
            {"apiVersion": "kelos.dev/v1alpha2", "kind": "AgentConfig", "metadata": {"name": "served"}, "spec": served},
        )

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


def _object(version: str, kind: str, name: str, **members: object) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **members}


def limit_of(cell: Cell) -> int:
    # A CLI that shares two cores with a cluster needs longer for its first call.
    return LIMIT_SECONDS if cell.end.limit_seconds is None else SLOWER * cell.end.limit_seconds


def _task(cell: Cell, url: str) -> Manifest:
    env = dict(cell.cli.env(url))
    env["PATH"] = "/home/kelos/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    overrides: Manifest = {"env": [{"name": name, "value": value} for name, value in env.items()], "resources": SHARE}
    more: Manifest = {}
    if cell.what == "equipped":
        overrides["volumes"] = [{"name": "script", "configMap": {"name": "script"}}]
        overrides["volumeMounts"] = [{"name": "script", "mountPath": SCRIPTS}]
        more["agentConfigRefs"] = [{"name": "told"}, {"name": "served"}]
    spec = {
        "type": cell.cli.agent,
        "model": cell.cli.model,
        "prompt": "Add a notes file and push it",
        "branch": f"kelos/{cell.name}",
        "credentials": {"type": "api-key", "secretRef": {"name": CREDENTIALS}},
        "workspaceRef": {"name": cell.name},
        "timeoutSeconds": limit_of(cell),
        "startTimeoutSeconds": PATIENCE_SECONDS,
        "podOverrides": overrides,
        **more,
    }
    return _object("kelos.dev/v1alpha2", "Task", cell.name, spec=spec)


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
    place, aside = (Installation(node, kubectl, create_namespace(node.api, name)) for name in ("agents", "provider"))
    ports = {cell.port: cell.port for cell in CELLS}
    field = Field(place, start_server(aside, "provider", ["provider"], SOURCES, ports), tuple(wanted))
    git_host.create(REPOSITORY)
    keys = {cell.cli.credential: KEY for cell in CELLS}
    place.apply(
        token_secret(), {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": CREDENTIALS}, "stringData": keys}
    )
    field.equip()
    for cell in wanted:
        field.submit(cell, git_host.url(REPOSITORY))
    yield field
    for each in (place, aside):
        each.kubectl("delete", "namespace", each.namespace, "--wait=false")
