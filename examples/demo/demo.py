"""The whole way on one machine, with no cluster, no key and no network.

repository on loopback ─▶ `kelos up` ─▶ Workspace ─▶ the Action's entry point ─▶ agent ─▶ pushed branch ─▶ step outputs
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from git_server import GitServer

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".demo").resolve()
BRANCH = "demo/hello"
PROMPT = """\
say Reading the repository
write HELLO.md: Hello from an agent.
commit Add a greeting
push
usage input=1200 cache-read=300 output=340 cost=0.0042
say Added HELLO.md and pushed it
"""


def main() -> int:
    """Run it, check what it promises, and say so. The exit code is the Action's, or 1 when a promise is broken."""
    with ExitStack() as stack:
        repository = make_repository()
        server = stack.enter_context(GitServer(FOLDER))
        _say(f"A repository with {len(_log(repository))} commits is served at {server.url}/shop.git")
        kubeconfig = stack.enter_context(local_plane())
        _say("The local plane is up")
        apply_workspace(kubeconfig, f"{server.url}/shop.git")
        code, outputs = run_action(kubeconfig)
    return code or check(repository, outputs)


def make_repository() -> Path:
    """A bare repository with some history, made anew."""
    for part in ("shop.git", "work", "runner"):
        shutil.rmtree(FOLDER / part, ignore_errors=True)
    bare, work = FOLDER / "shop.git", FOLDER / "work"
    _git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    _git("--git-dir", str(bare), "config", "http.receivepack", "true")
    _git("init", "--quiet", "--initial-branch=main", str(work))
    for number, (path, text) in enumerate(
        [("README.md", "# Shop\n"), ("shop.py", "PRICE = 5\n"), ("shop.py", "PRICE = 6\n")]
    ):
        (work / path).write_text(text)
        _git("-C", str(work), "add", path)
        _git("-C", str(work), "commit", "--quiet", "--message", f"Change {number + 1}: {path}")
    _git("-C", str(work), "push", "--quiet", str(bare), "main")
    shutil.rmtree(work)
    return bare


@contextmanager
def local_plane() -> Iterator[Path]:
    """`kelos up` as a child that ends with us; the path of its kubeconfig."""
    plane = subprocess.Popen(
        [sys.executable, "-m", "kelos", "up", "--ephemeral"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(FOLDER / "plane.log").open("w"),
    )
    assert plane.stdin is not None
    assert plane.stdout is not None
    try:
        line = plane.stdout.readline()
        if not line:
            raise SystemExit(f"The local plane did not start:\n{(FOLDER / 'plane.log').read_text()}")
        kubeconfig = FOLDER / "kubeconfig.json"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(json.dumps(json.loads(line)["kubeconfig"]))
        yield kubeconfig
    finally:
        plane.stdin.close()
        plane.wait(30)


def apply_workspace(kubeconfig: Path, repo: str) -> None:
    """What a platform team does once: say where the code is."""
    workspace = {
        "apiVersion": "kelos.dev/v1alpha2",
        "kind": "Workspace",
        "metadata": {"name": "shop"},
        "spec": {"repo": repo, "ref": "main"},
    }
    command = [sys.executable, "-m", "kelos", "--kubeconfig", str(kubeconfig), "apply", "-f", "-"]
    subprocess.run(command, input=json.dumps(workspace), text=True, check=True)


def run_action(kubeconfig: Path) -> tuple[int, Mapping[str, str]]:
    """The command of the step in action.yml, with inputs as a workflow would give them."""
    state = FOLDER / "runner"
    state.mkdir(mode=0o700)
    output = Path(os.environ.get("GITHUB_OUTPUT") or state / "output")
    summary = Path(os.environ.get("GITHUB_STEP_SUMMARY") or state / "summary")
    output.touch()
    before = output.read_text()
    env = os.environ | {
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary),
        "RUNNER_TEMP": str(state),
        "KELOS_STATE": str(state),
        "KELOS_INPUT_KUBECONFIG": str(kubeconfig),
        "KELOS_INPUT_PROMPT": PROMPT,
        "KELOS_INPUT_TYPE": "demo",
        "KELOS_INPUT_WORKSPACE": "shop",
        "KELOS_INPUT_BRANCH": BRANCH,
        "KELOS_INPUT_NAME": "hello",
        "KELOS_INPUT_TIMEOUT": "2m",
        "KELOS_INPUT_REQUIRE_RESULTS": "branch,commit",
    }
    step = subprocess.run([sys.executable, "-I", str(ROOT / "src/kelos/action/__main__.py")], env=env, check=False)
    outputs = read_outputs(output.read_text()[len(before) :])
    print("\nStep outputs:")
    for name, value in outputs.items():
        if value:
            print(f"  {name}: {value}")
    if "GITHUB_STEP_SUMMARY" not in os.environ and summary.exists():
        print("\nStep summary:\n" + "".join(f"  {line}\n" for line in summary.read_text().splitlines()))
    return step.returncode, outputs


def read_outputs(text: str) -> dict[str, str]:
    """The runner's reading of an output file: `name<<delimiter`, lines, delimiter; or `name=value`."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, marks, delimiter = line.partition("<<")
        if marks and "=" not in name:
            found[name] = "\n".join(iter(lambda d=delimiter: _until(lines, d), None))
        elif "=" in line:
            name, _, value = line.partition("=")
            found[name] = value
    return found


def check(repository: Path, outputs: Mapping[str, str]) -> int:
    """What the outputs claim is in the repository."""
    head = _git("--git-dir", str(repository), "rev-parse", f"refs/heads/{BRANCH}").strip()
    promises = {
        f"branch '{BRANCH}' was pushed, and `commit` is its head": head == outputs.get("commit"),
        "tokens and cost are known": bool(outputs.get("input-tokens")) and bool(outputs.get("cost-usd")),
        "the conclusion is success": outputs.get("conclusion") == "success",
    }
    for promise, is_kept in promises.items():
        print(f"{'ok ' if is_kept else 'NOT'} {promise}")
    where = os.path.relpath(repository)
    print(f"\nLook at it: git --git-dir {where} log --oneline {BRANCH}")
    print("".join(f"  {line}\n" for line in _log(repository, BRANCH)), end="")
    return 0 if all(promises.values()) else 1


def _until(lines: Iterator[str], delimiter: str) -> str | None:
    line = next(lines, delimiter)
    return None if line == delimiter else line


def _log(repository: Path, branch: str = "main") -> list[str]:
    return _git("--git-dir", str(repository), "log", "--oneline", f"refs/heads/{branch}").splitlines()


def _git(*arguments: str) -> str:
    """git with an identity of its own and none of the user's settings."""
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(FOLDER),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ann",
        "GIT_AUTHOR_EMAIL": "ann@example.com",
        "GIT_COMMITTER_NAME": "Ann",
        "GIT_COMMITTER_EMAIL": "ann@example.com",
    }
    return subprocess.run(["git", *arguments], env=env, check=True, capture_output=True, text=True).stdout


def _say(text: str) -> None:
    print(f"· {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
