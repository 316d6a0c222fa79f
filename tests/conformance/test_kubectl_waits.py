"""kubectl waits and watches."""

import subprocess
from itertools import count
from select import select

import pytest

from .servers import Server, stored


@pytest.mark.parametrize(
    "condition", ["jsonpath={.status.phase}=Ready", "condition=Ready", "jsonpath={.status.phase}", "create", "delete"]
)
def test_wait_returns_when_it_happened(server: Server, condition: str) -> None:
    """Pipelines block on it."""
    if condition != "create":
        server.create_widget()
    waiting = subprocess.Popen(
        server.kubectl_command("wait", f"--for={condition}", "widget/one", "--timeout=100s"),
        env=server.kubectl_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with waiting:
        if condition == "create":
            server.create_widget()
        elif condition == "delete":
            server.api.delete(server.widgets("one")).expect()
        else:
            status = {"phase": "Ready", "conditions": [{"type": "Ready", "status": "True"}]}
            server.api.patch(server.widgets("one", "status"), {"status": status}).expect()
        output, _ = waiting.communicate(timeout=120)

    assert 0 == waiting.returncode, output


def test_wait_gives_up(server: Server) -> None:
    """With a code and a sentence that name the object."""
    server.create_widget()

    said = server.kubectl("wait", "--for=jsonpath={.status.phase}=Ready", "widget/one", "--timeout=1s")

    assert 1 == said.code
    assert "timed out waiting for the condition on widgets/one" in said.err


def test_get_watches(server: Server) -> None:
    """What is there, then changes as they come."""
    server.create_widget("one")
    watching = subprocess.Popen(
        server.kubectl_command("get", "wg", "-w", "-o", "name"),
        env=server.kubectl_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    with watching:
        assert watching.stdout is not None
        printed = [watching.stdout.readline()]
        server.create_widget("two")
        printed.append(watching.stdout.readline())
        watching.kill()

    assert [f"widget.conformance.kelos.dev/{name}\n" for name in ("one", "two")] == printed


def test_get_watches_as_a_table(server: Server) -> None:
    """The headings once, then a row for each change.

    kubectl reads the object, prints it and then begins to watch, passing over the first it sees: a change in between
    is never printed, so there is another one until a row comes.
    """
    server.create_widget("one")
    watching = subprocess.Popen(
        server.kubectl_command("get", "widget", "one", "-w"),
        env=server.kubectl_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    with watching:
        assert watching.stdout is not None
        printed = [watching.stdout.readline(), watching.stdout.readline()]
        sizes = count(2)
        while True:
            stored(server.api.patch(server.widgets("one"), {"spec": {"size": next(sizes)}}))
            if select([watching.stdout], [], [], 1.0)[0]:
                break
        printed.append(watching.stdout.readline())
        watching.kill()

    (*begin, (name, size)) = (line.split()[:2] for line in printed)
    assert [["NAME", "SIZE"], ["one", "1"]] == begin
    assert "one" == name
    assert int(size) in range(2, next(sizes))
