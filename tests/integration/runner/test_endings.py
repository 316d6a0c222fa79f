"""However a run ends, its processes are gone before its outcome is told."""

import json
import os
import signal
import socket
import threading

import pytest

from agent_streams import STREAMS
from fakes.git_server import git
from kelos.api.reasons import Reason

# Each stand-in says "ready" once it is where the test wants it.
POLITE = """
import os, signal, time
def stop(*_):
    os.write(1, b'{"type":"thread.started","thread_id":"stopped-politely"}\\n')
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
os.write(1, b"ready\\n")
time.sleep(600)
"""
STUBBORN = """
import os, signal, subprocess, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(600)"])
daemon = subprocess.Popen(
    [sys.executable, "-c", "import os, signal, time; signal.signal(15, 1); os.setsid();\\n"
     "if os.fork(): os._exit(0)\\nopen({pids!r}, 'a').write(str(os.getpid()) + ' ')\\n"
     "print('ready', flush=True)\\ntime.sleep(600)"])
open({pids!r}, "a").write(str(os.getpid()) + " " + str(child.pid) + " ")
time.sleep(600)
"""
LEAVES_A_SERVER = """
import subprocess, sys
server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open({pids!r}, "a").write(str(server.pid))
sys.stdout.write(open({stream!r}).read())
"""


def wait_for_line(process, word, seconds=60):
    """Read stdout until a line has the word; the rest is read later."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        for line in process.stdout:
            if word in line.decode():
                return
    finally:
        timer.cancel()
    raise AssertionError(f"no {word!r}: {process.stderr.read().decode()}")


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pids(pod):
    return [int(word) for word in (pod.root / "pids").read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cancelled_agent_may_end_politely(pod, number):
    """It gets the signal, and what it still says counts as output, never as success."""
    pod.agent_type = "codex"
    pod.give_program("codex", POLITE)
    process = pod.start("x")
    wait_for_line(process, "ready")
    process.send_signal(number)

    ran = pod.finish(process)

    assert (88, Reason.CANCELLED) == (ran.exit_code, ran.outcome.reason)
    assert "stopped-politely" == ran.outcome.session_id


def test_nothing_survives_a_cancel(pod):
    """Children that ignore signals, and daemons that left the process group, would go on spending."""
    pod.agent_type = "codex"
    pod.give_program("codex", STUBBORN.format(pids=str(pod.root / "pids")))
    process = pod.start("x", KELOS_GRACE_SECONDS="1")
    wait_for_line(process, "ready")
    process.send_signal(signal.SIGTERM)

    ran = pod.finish(process)

    assert (88, Reason.CANCELLED) == (ran.exit_code, ran.outcome.reason)
    assert 3 == len(pids(pod))
    assert [] == [pid for pid in pids(pod) if is_alive(pid)]


def test_the_time_limit_ends_the_run(pod):
    """The Job's own deadline comes later and knows nothing of outcomes. The agent is there before this one."""
    pod.agent_type = "codex"
    pod.give_program("codex", POLITE)

    ran = pod.launch("x", KELOS_TIMEOUT_SECONDS="5")

    assert (84, Reason.DEADLINE_EXCEEDED) == (ran.exit_code, ran.outcome.reason)
    assert "longer than its limit of 5 seconds" in ran.outcome.message
    assert "stopped-politely" == ran.outcome.session_id


def test_what_a_finished_agent_leaves_behind_is_ended(pod):
    """A development server would keep the pod, and the log, open for ever."""
    pod.agent_type = "codex"
    script = LEAVES_A_SERVER.format(pids=str(pod.root / "pids"), stream=str(STREAMS / "codex.jsonl"))
    pod.give_program("codex", script)

    ran = pod.launch("x")

    assert (0, None) == (ran.exit_code, ran.outcome.reason)
    assert [] == [pid for pid in pids(pod) if is_alive(pid)]


def test_a_run_that_only_spends_is_ended(pod):
    """OpenCode asks for ever when answers have no finish reason."""
    pod.agent_type = "opencode"
    pod.give_program(
        "opencode",
        "import json, time\n"
        'for _ in range(9): print(json.dumps({"type": "step_finish", "part": {"reason": "unknown"}}), flush=True)\n'
        "time.sleep(600)\n",
    )

    ran = pod.launch("x")

    assert (81, Reason.AGENT_INCOMPLETE) == (ran.exit_code, ran.outcome.reason)
    assert "without a finish reason" in ran.outcome.message


def test_an_agent_killed_by_a_signal_is_no_success(pod):
    pod.agent_type = "codex"
    pod.give_program("codex", "import os\nos.kill(os.getpid(), 9)\n")

    ran = pod.launch("x")

    assert (137, Reason.AGENT_ERROR) == (ran.exit_code, ran.outcome.reason)


def test_an_agent_that_does_not_read_its_prompt_is_not_waited_for(pod):
    pod.agent_type = "codex"
    pod.give_program("codex", "raise SystemExit(3)\n")
    pod.give_prompt("x" * 500_000)

    assert 3 == pod.launch().exit_code


def test_a_closed_log_does_not_end_the_run(pod):
    """Whoever reads the log may go away; the document is still written."""
    pod.agent_type = "codex"
    pod.give_program("codex", f"import sys\nsys.stdout.write(open({str(STREAMS / 'codex.jsonl')!r}).read() * 500)\n")
    process = pod.start("x")
    process.stdout.close()
    process.stdout = open(os.devnull, "rb")  # noqa: SIM115 - communicate closes it

    assert pod.finish(process).outcome.is_success


@pytest.mark.parametrize(
    ("command", "code", "marker"),
    [
        ('["sh", "-c", "echo to-out; echo to-err >&2; echo $PWD > \\"$HOME/where\\""]', 0, "DONE---"),
        ('["sh", "-c", "exit 7"]', 7, "FAILED--- exit=7"),
        ('["no-such-program"]', 127, "FAILED--- exit=127"),
        ('["sh", "-c", "kill -9 $$"]', 1, "FAILED--- exit=1"),
        ('["sh", "-c", "exit 200"]', 200, "FAILED--- exit=200"),
    ],
)
def test_the_setup_command_runs_first(pod, command, code, marker):
    """Its exit code becomes the container's, and a failure costs nothing."""
    ran = pod.launch("say hello", KELOS_SETUP_COMMAND=command)

    assert code == ran.exit_code == ran.outcome.exit_code
    assert "---KELOS_SETUP_COMMAND_START---\n" in ran.stderr
    assert f"---KELOS_SETUP_COMMAND_{marker}\n" in ran.stderr
    if code == 0:
        assert f"{pod.checkout}\n" == (pod.home / "where").read_text()
        assert (b"to-out\n", True) == (ran.stdout[:7], "to-err\n" in ran.stderr)
    else:
        assert (Reason.SETUP_FAILED, b"") == (ran.outcome.reason, ran.stdout)


@pytest.mark.parametrize("text", ["make deps", "[]", "{}", '["a", 1]', '[""]'])
def test_a_malformed_setup_command_has_its_own_exit_code(pod, text):
    ran = pod.launch("say hello", KELOS_SETUP_COMMAND=text)

    assert (2, Reason.SETUP_FAILED) == (ran.exit_code, ran.outcome.reason)


def test_a_setup_command_is_no_shell(pod):
    ran = pod.launch("say hello", KELOS_SETUP_COMMAND='["printf", "%s|", "$HOME", "a b; c"]')

    assert ran.stdout.startswith(b"$HOME|a b; c|")


def test_a_setup_command_counts_against_the_limit(pod):
    ran = pod.launch("say hello", KELOS_SETUP_COMMAND='["sleep", "600"]', KELOS_TIMEOUT_SECONDS="1")

    assert (84, Reason.DEADLINE_EXCEEDED) == (ran.exit_code, ran.outcome.reason)


def test_a_cancel_during_setup(pod):
    process = pod.start("say hello", KELOS_SETUP_COMMAND='["sh", "-c", "echo ready; sleep 600"]')
    wait_for_line(process, "ready")
    process.terminate()

    ran = pod.finish(process)

    assert (88, Reason.CANCELLED) == (ran.exit_code, ran.outcome.reason)


def test_what_setup_leaves_running_serves_the_agent_and_ends_with_it(pod):
    """A database for the tests, for one."""
    start = f"sleep 600 & echo $! > {pod.root}/pids"
    pod.agent_type = "codex"
    pod.give_program(
        "codex",
        f"import os, sys\nos.kill(int(open({str(pod.root / 'pids')!r}).read()), 0)\n"
        f"sys.stdout.write(open({str(STREAMS / 'codex.jsonl')!r}).read())\n",
    )

    ran = pod.launch("x", KELOS_SETUP_COMMAND=json.dumps(["sh", "-c", start]))

    assert ran.outcome.is_success
    assert [] == [pid for pid in pids(pod) if is_alive(pid)]


def test_a_cancel_during_preparation(pod):
    """A repository that does not answer must not hold the pod."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/team/app.git"
        process = pod.start_preparing(KELOS_REPO=url)
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            process.terminate()
            ran = pod.finish(process)

    assert (88, Reason.CANCELLED) == (ran.exit_code, ran.outcome.reason)


def test_an_outcome_is_told_before_others_are_asked(open_host, pod):
    """Whoever kills the pod while we wait for the network must not cost the outcome."""
    pod.env["KELOS_BRANCH"] = "x"
    pod.prepare(KELOS_REPO=open_host.url("team/app"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/team/app.git"
        git("remote", "set-url", "origin", url, cwd=pod.checkout)
        process = pod.start("say done")
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            process.kill()
            ran = pod.finish(process)

    assert ("done", "x") == (ran.outcome.response, ran.outcome.git.branch)


def test_what_the_checkout_starts_after_the_run_is_ended(host, pod):
    """Asking origin obeys the checkout's settings, which are the agent's work by then: it could outlive its end."""
    pod.give_token(host.password)
    pod.prepare(KELOS_REPO=host.url("team/app"), KELOS_BRANCH="x")
    program = pod.root / "bin" / "helper"
    program.write_text(f"#!/bin/sh\nsetsid sleep 300 > /dev/null 2>&1 < /dev/null &\necho $! > {pod.root}/pids\n")
    program.chmod(0o755)
    git("config", "--replace-all", "credential.helper", f"!{program}", cwd=pod.checkout)

    assert 0 == pod.launch("say x").exit_code
    assert [False] == [is_alive(pid) for pid in pids(pod)]


@pytest.mark.parametrize("trap", ["link", "pipe"])
def test_a_trap_at_the_place_of_the_outcome(pod, trap):
    """The agent may put something else there: it is neither followed nor waited for."""
    precious = pod.root / "precious"
    precious.write_text("mine")
    pod.agent_type = "claude-code"
    make = f"os.symlink({str(precious)!r}, log)" if trap == "link" else "os.mkfifo(log)"
    pod.give_program("claude", f"import os\nlog = {str(pod.log)!r}\nif os.path.lexists(log): os.unlink(log)\n{make}\n")
    pod.checkout.mkdir()

    process = pod.start("x")
    process.communicate(timeout=120)

    assert 0 != process.returncode
    assert "mine" == precious.read_text()
