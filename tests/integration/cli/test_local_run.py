"""`kelos run --local`: one Task with no cluster, and nothing left behind however it ends."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from fakes.git_server import GitServer, git

from .person import Person, has_ended, tells

LONG = ("run", "--local", "--type", "demo", "-p", "say working\nsleep 300")


def manifest(kind: str, name: str, **parts: object) -> dict[str, object]:
    return {"apiVersion": "kelos.dev/v1alpha2", "kind": kind, "metadata": {"name": name}, **parts}


def test_an_agent_works_in_a_repository(person: Person, tmp_path: Path) -> None:
    """The whole of it: clone, work, commit, push, results; then nothing of it runs any more."""
    with GitServer(tmp_path / "served") as server:
        bare = server.create("shop")
        objects = tmp_path / "shop.yaml"
        objects.write_text(yaml.safe_dump(manifest("Workspace", "shop", spec={"repo": server.url("shop")})))
        prompt = tmp_path / "prompt"
        prompt.write_text("write NEWS.md: more\ncommit Tell the news\npush\nsay done")
        words = ("-f", str(objects), "--workspace", "shop", "--branch", "news", "--prompt-file", str(prompt))
        done = person.run("run", "--local", "--type", "demo", *words)

    head = git("rev-parse", "news", cwd=bare)
    assert "done\n" == done.stdout
    assert f"commit: {head}" in done.stderr
    assert "branch: news" in done.stderr
    assert [] == person.processes()


def test_a_repository_of_the_config_file_becomes_the_workspace(person: Person, tmp_path: Path) -> None:
    """No YAML: the token is read from its file, and only the Workspace's own host gets it."""
    token = tmp_path / "token"
    token.write_text("t0ken-of-mine\n")
    with GitServer(tmp_path / "served", password="t0ken-of-mine") as server:
        server.create("shop")
        config = tmp_path / "config.yaml"
        config.write_text(yaml.safe_dump({"workspace": {"repo": server.url("shop"), "token": f"@{token}"}}))
        done = person.run("--config", str(config), "run", "--local", "--type", "demo", "-p", "say cloned")

    assert "cloned\n" == done.stdout
    assert "t0ken-of-mine" not in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--workspace", "shop"), "Workspace 'shop' is not there with --local; give its manifest with -f FILE"),
        (("--type", "codex", "--secret", "key"), "Secret 'key' is not there with --local"),
        (("--agent-config", "rules"), "AgentConfig 'rules' is not there with --local"),
        (("-f", "/nowhere.yaml"), "'/nowhere.yaml' does not exist"),
    ],
)
def test_what_nobody_will_ever_add_is_not_waited_for(person: Person, words: tuple[str, ...], sentence: str) -> None:
    """In a cluster a missing Workspace may come; here only this call could bring it."""
    assert sentence in person.run("run", "--local", "--type", "demo", "-p", "x", *words, code=2).stderr
    assert [] == person.processes()


def test_the_secret_of_a_workspace_is_not_waited_for_either(person: Person, tmp_path: Path) -> None:
    """It is named in a file, and easily forgotten there: the Task waited ten minutes for it."""
    objects = tmp_path / "shop.yaml"
    spec = {"repo": "https://git.invalid/acme/shop.git", "secretRef": {"name": "shop-git"}}
    objects.write_text(yaml.safe_dump(manifest("Workspace", "shop", spec=spec)))
    words = ("-f", str(objects), "--workspace", "shop")

    done = person.run("run", "--local", "--type", "demo", "-p", "x", *words, code=2)
    assert "Secret 'shop-git' (git token of Workspace 'shop') is not there with --local" in done.stderr


def test_a_failed_task_fails_the_command(person: Person) -> None:
    """With the reason, without a cluster to ask."""
    done = person.run("run", "--local", "--type", "demo", "-p", "fail no way", code=1)

    assert "Failed (AgentError): demo failed: Line 1 (fail): no way" in done.stderr


def test_an_agent_that_is_not_installed_is_named(person: Person) -> None:
    """On a laptop there are no images: what is missing is a program."""
    person.env["PATH"] = "/usr/bin:/bin"
    done = person.run(
        "run", "--local", "--type", "opencode", "--containers", "none", "--credential-type", "none", "-p", "x", code=1
    )

    assert "there is no program 'opencode' on the PATH" in done.stderr


def test_an_interrupt_stops_the_task_too(person: Person) -> None:
    """Nobody else could ever stop it."""
    run = person.start(*LONG)
    tells(run, "working")
    run.send_signal(signal.SIGINT)
    said = tells(run, "Interrupted")

    assert 130 == run.wait(30)
    assert "Stopping task/" in said
    assert [] == person.processes()
    assert run.stdout is not None
    run.stdout.close()


def test_ctrl_c_on_a_terminal_stops_everything(person: Person) -> None:
    """A terminal sends the signal to the whole group; the plane must still end in its own order."""
    ours, theirs = pty.openpty()
    run = person.start(
        *LONG, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=own_terminal
    )
    os.close(theirs)
    said = until(ours, "working")
    os.write(ours, b"\x03")
    said += until(ours, "Interrupted")

    assert 130 == run.wait(30)
    os.close(ours)
    assert "Stopping task/" in said
    assert "Traceback" not in said
    assert [] == person.processes()


def test_a_killed_command_takes_everything_along(person: Person) -> None:
    """The plane sees its standard input close; the agent does not go on spending."""
    run = person.start(*LONG)
    tells(run, "working")
    run.kill()

    assert -signal.SIGKILL == run.wait(30)
    assert [] == person.processes()
    assert run.stdout is not None
    run.stdout.close()


def test_a_plane_that_dies_ends_the_command(person: Person) -> None:
    """It would wait for ever for a Task that nobody runs."""
    run = person.start(*LONG)
    tells(run, "working")
    (plane,) = (int(pid) for pid in subprocess.check_output(["pgrep", "-P", str(run.pid)], text=True).split())
    os.kill(plane, signal.SIGKILL)
    said = tells(run, "ended with code")

    assert 3 == run.wait(30)
    assert "The local plane ended with code -9, and the Task with it" in said
    assert has_ended(plane)
    assert [] == person.processes()
    assert run.stdout is not None
    run.stdout.close()


def own_terminal() -> None:
    """Make standard input the terminal of this session, as a login does."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def until(terminal: int, text: str) -> str:
    said = b""
    while text.encode() not in said:
        said += os.read(terminal, 4096)
    return said.decode(errors="replace")
