"""`kelos up`: a cluster that survives its process when asked to, and never runs anything twice."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .person import Person, tells


@contextmanager
def cluster(person: Person, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """`kelos up` until the block ends, with its kubeconfig in the environment."""
    up = person.start("up", *words)
    try:
        (path,) = (
            line.split("KUBECONFIG=")[1] for line in tells(up, "KUBECONFIG=").splitlines() if "KUBECONFIG=" in line
        )
        tells(up, "works with it too")
        person.env["KUBECONFIG"] = path
        yield up
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(30)
        close(up)


def test_its_kubeconfig_is_private_and_goes_with_it(person: Person) -> None:
    """A token that leads nowhere should not lie about."""
    path = person.home / ".kelos/local/kubeconfig"
    with cluster(person) as up:
        assert str(path) == person.env["KUBECONFIG"]
        assert 0o600 == stat.S_IMODE(path.stat().st_mode)
        assert "No tasks found" in person.run("get", "tasks").stderr
    assert 0 == up.returncode
    assert not path.exists()
    assert [] == person.processes()


def test_two_clusters_do_not_take_each_others_kubeconfig(person: Person) -> None:
    """A kubectl in another terminal would suddenly talk to the wrong one."""
    with cluster(person):
        first = Path(person.env["KUBECONFIG"])
        before = first.read_text()
        with cluster(person):
            second = Path(person.env["KUBECONFIG"])
            assert ("kubeconfig", "kubeconfig-2") == (first.name, second.name)
            assert before == first.read_text()
        assert before == first.read_text()


def test_objects_survive_a_kill_and_nothing_runs_twice(person: Person, tmp_path: Path) -> None:
    """A finished Task is still there; one that ran has an honest end, and its agent was started once."""
    starts = tmp_path / "starts"
    agent = person.home / "bin" / "claude"
    agent.parent.mkdir()
    agent.write_text(f"#!/bin/sh\necho started | tee -a {starts}\nexec sleep 300\n")
    agent.chmod(0o755)
    person.env["PATH"] = f"{agent.parent}:{person.env['PATH']}"
    data = ("--data", str(tmp_path / "cluster.db"))
    with cluster(person, *data) as up:
        person.run("run", "--type", "demo", "-p", "say kept", "--name", "kept", "--wait")
        person.run("run", "--credential-type", "none", "-p", "work", "--name", "torn")
        watcher = person.start("logs", "torn", "-f")
        tells(watcher, "started")
        up.kill()
        tells(watcher, "still trying, Ctrl-C ends this")
        watcher.send_signal(signal.SIGINT)
        tells(watcher, "Interrupted")
        assert 130 == watcher.wait(30)
        close(watcher)
    with cluster(person, *data):
        torn = person.start("logs", "torn", "-f")
        said = tells(torn, "task/torn Failed")
        assert 1 == torn.wait(30)
        close(torn)
        assert "was lost: The node that ran the pod ended without finishing it" in said
        assert "Succeeded" == person.get("task", "kept")["status"]["phase"]
        assert "kept\n" == person.run("logs", "kept").stdout
        assert ["started"] == starts.read_text().split()
        assert 0o600 == stat.S_IMODE((tmp_path / "cluster.db").stat().st_mode)
        refused = person.run("up", *data, code=2).stderr
    assert "cluster.db' is in use by another cluster" in refused
    assert [] == person.processes()


def test_a_port_that_is_taken_is_a_sentence(person: Person) -> None:
    """Not a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = person.run("up", "--port", str(port), code=2).stderr

    assert f"Error: Port {port} of 127.0.0.1 cannot be used: Address already in use; choose another\n" == said


@pytest.mark.parametrize("name", ["README.md", "missing/cluster.db", "."])
def test_a_file_that_is_no_database_is_refused_and_kept(person: Person, tmp_path: Path, name: str) -> None:
    """A typing mistake costs nobody a file."""
    (tmp_path / "README.md").write_text("# Shop\n")
    said = person.run("up", "--data", str(tmp_path / name), code=2).stderr

    assert "cannot be used" in said
    assert "name another file" in said
    assert "# Shop\n" == (tmp_path / "README.md").read_text()
    assert [] == [path.name for path in tmp_path.iterdir() if path.name.endswith(".pods")]


def test_programs_get_one_line_of_json(person: Person) -> None:
    """And the cluster ends when they close its standard input."""
    up = person.start("up", "--ephemeral", stdin=subprocess.PIPE)
    assert "https://127.0.0.1:" in json.loads(tells(up, "{"))["kubeconfig"]["clusters"][0]["cluster"]["server"]
    assert up.stdin is not None
    assert up.stdout is not None
    up.stdin.close()

    assert 0 == up.wait(30)
    assert b"" == up.stdout.read()
    assert not (person.home / ".kelos").exists()
    close(up)


def close(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    process.stdout.close()
