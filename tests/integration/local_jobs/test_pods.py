"""What a node does with a pod: containers, volumes, deletion. Pods here have no Job."""

import asyncio
import os
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kelos.api.kinds import CONFIG_MAP, EVENT, NODE, POD, PVC, SECRET, Manifest

from .conftest import Place, container, local_place, phase, until, until_file

pytestmark = pytest.mark.anyio


def pod(name: str, *containers: Manifest, **spec: Any) -> Manifest:
    defaults = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    return {"metadata": {"name": name}, "spec": {**defaults, "containers": list(containers), **spec}}


def state(found: Manifest, name: str = "main") -> Manifest:
    status = found["status"]
    every = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return next(each["state"] for each in every if each["name"] == name)


def waits(reason: str) -> Callable[[Manifest], Any]:
    return lambda found: any(
        (each["state"].get("waiting") or {}).get("reason") == reason
        for each in found.get("status", {}).get("containerStatuses") or ()
    )


def alive(pid: int) -> bool:
    """A zombie is no process any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_the_node_shows_itself(place: Place) -> None:
    """`get nodes` answers who runs pods."""
    node = await place.until(NODE, "local", lambda found: found["status"].get("conditions"))

    assert [("Ready", "True")] == [(each["type"], each["status"]) for each in node["status"]["conditions"]]


async def test_a_running_pod_is_ready(place: Place) -> None:
    """Conditions are those of a kubelet."""
    await place.create(POD, pod("up", container("exec sleep 600")))

    running = await place.until(POD, "up", phase("Running"))

    assert {"PodScheduled": "True", "Initialized": "True", "ContainersReady": "True", "Ready": "True"} == {
        each["type"]: each["status"] for each in running["status"]["conditions"]
    }
    assert running["status"]["containerStatuses"][0]["ready"]
    assert "local" == running["spec"]["nodeName"]


async def test_a_failing_container_fails_the_pod_with_its_last_words(place: Place) -> None:
    """FallbackToLogsOnError: the log's end is the message when the container left none."""
    failing = container("echo it broke >&2; exit 4", terminationMessagePolicy="FallbackToLogsOnError")
    await place.create(POD, pod("sad", failing))

    ended = state(await place.until(POD, "sad", phase("Failed")))["terminated"]

    assert (4, "Error", "it broke\n") == (ended["exitCode"], ended["reason"], ended["message"])


async def test_a_signal_is_an_exit_code(place: Place) -> None:
    """128 plus the number, as everywhere."""
    await place.create(POD, pod("shot", container("kill -9 $$")))

    assert 137 == state(await place.until(POD, "shot", phase("Failed")))["terminated"]["exitCode"]


async def test_a_missing_program_is_a_start_error(place: Place) -> None:
    """The sentence names the program."""
    wrong = {"name": "main", "image": "shell:1", "command": ["no-such-program"]}
    await place.create(POD, pod("typo", wrong))

    ended = state(await place.until(POD, "typo", phase("Failed")))["terminated"]

    assert ("StartError", 128) == (ended["reason"], ended["exitCode"])
    assert 'exec: "no-such-program": executable file not found in $PATH' in ended["message"]


async def test_an_unknown_image_cannot_be_pulled(place: Place) -> None:
    """There are no images here, only commands."""
    await place.create(POD, pod("foreign", {"name": "main", "image": "example.org/unknown:1"}))

    waiting = await place.until(POD, "foreign", waits("ErrImagePull"))

    assert 'no command for image "example.org/unknown:1" on this plane' == state(waiting)["waiting"]["message"]
    await place.until(POD, "foreign", waits("ImagePullBackOff"))


async def test_a_failed_init_container_keeps_the_others_from_starting(place: Place) -> None:
    """Preparation that failed is the pod's failure; the main container still waits."""
    inits = [container("echo first"), container("echo no; exit 5", "second"), container("true", "third")]
    inits[0]["name"] = "first"
    await place.create(POD, pod("unprepared", container("true"), initContainers=inits))

    failed = await place.until(POD, "unprepared", phase("Failed"))

    assert 5 == state(failed, "second")["terminated"]["exitCode"]
    assert "PodInitializing" == state(failed, "third")["waiting"]["reason"]
    assert "PodInitializing" == state(failed)["waiting"]["reason"]
    assert b"first\n" == await place.log("unprepared", "first")


async def test_a_sidecar_serves_and_never_blocks_the_end(place: Place, tmp_path: Path) -> None:
    """It is up before the main container starts and ends after it."""
    script = (
        f"trap 'echo bye >> {tmp_path}/story; exit 0' TERM; echo up >> {tmp_path}/story; while :; do sleep 0.02; done"
    )
    sidecar = container(script, "database", restartPolicy="Always")
    main = container(f"while ! grep -q up {tmp_path}/story; do sleep 0.02; done; echo work >> {tmp_path}/story")
    await place.create(POD, pod("pair", main, initContainers=[sidecar]))

    done = await place.until(POD, "pair", phase("Succeeded"))

    assert ["up", "work", "bye"] == (tmp_path / "story").read_text().split()
    assert 0 == state(done, "database")["terminated"]["exitCode"]


async def test_a_container_restarts_until_it_succeeds(place: Place, tmp_path: Path) -> None:
    """restartPolicy OnFailure: same pod, counted restarts, back-off in between."""
    script = f"echo x >> {tmp_path}/tries; test $(wc -l < {tmp_path}/tries) -ge 3"
    await place.create(POD, pod("stubborn", container(script), restartPolicy="OnFailure"))

    done = await place.until(POD, "stubborn", phase("Succeeded"))

    assert 2 == done["status"]["containerStatuses"][0]["restartCount"]


async def test_a_deleted_pod_gets_its_grace(place: Place, tmp_path: Path) -> None:
    """SIGTERM first: an agent writes its outcome, and the final status has it before the object goes."""
    script = f"trap 'printf saved > $TERMINATION; exit 7' TERM; echo 1 > {tmp_path}/up; while :; do sleep 0.02; done"
    main = container(script, env=[{"name": "TERMINATION", "value": "/dev/termination-log"}])
    manifest = pod("graceful", main, terminationGracePeriodSeconds=30)
    manifest["metadata"]["finalizers"] = ["example.org/hold"]
    await place.create(POD, manifest)
    await place.until(POD, "graceful", phase("Running"))
    await until_file(tmp_path / "up")

    await place.cluster.delete(POD, "work", "graceful")
    failed = await place.until(POD, "graceful", phase("Failed"))

    ended = state(failed)["terminated"]
    assert (7, "saved") == (ended["exitCode"], ended["message"])
    await place.cluster.patch(POD, "work", "graceful", {"metadata": {"finalizers": None}})
    await place.until_gone(POD, "graceful")


DAEMON = textwrap.dedent(
    """
    import os, signal, sys, time
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.environ.clear()
            open(sys.argv[1], "w").write(str(os.getpid()))
            time.sleep(600)
        os._exit(0)
    """
)


async def test_nothing_survives_a_deletion(place: Place, tmp_path: Path) -> None:
    """Neither a process that ignores SIGTERM nor a daemon that left session and group."""
    (tmp_path / "daemon.py").write_text(DAEMON)
    daemon = f"{sys.executable} {tmp_path}/daemon.py {tmp_path}/daemon"
    script = f"trap '' TERM; {daemon}; echo $$ > {tmp_path}/main; while :; do sleep 0.05; done"
    await place.create(POD, pod("clingy", container(script)))
    main, escaped = await until_file(tmp_path / "main"), await until_file(tmp_path / "daemon")
    assert alive(main)
    assert alive(escaped)

    await place.cluster.delete(POD, "work", "clingy")
    await place.until_gone(POD, "clingy")

    assert not alive(main)
    assert not alive(escaped)


async def test_nothing_survives_the_main_process(place: Place, tmp_path: Path) -> None:
    """The end of the first process is the end of the container, daemons included."""
    (tmp_path / "daemon.py").write_text(DAEMON)
    script = f"{sys.executable} {tmp_path}/daemon.py {tmp_path}/daemon; while ! test -s {tmp_path}/daemon; do :; done"
    await place.create(POD, pod("leaving", container(script)))

    await place.until(POD, "leaving", phase("Succeeded"))

    assert not alive(int((tmp_path / "daemon").read_text()))


async def test_a_killed_supervisor_takes_its_container_along(place: Place, tmp_path: Path) -> None:
    """Whoever kills the supervisor gains nothing: the kernel ends the process, the node the rest."""
    script = f"sleep 600 & echo $! > {tmp_path}/child; echo $PPID > {tmp_path}/supervisor; wait"
    await place.create(POD, pod("orphaned", container(script)))
    child, supervisor = await until_file(tmp_path / "child"), await until_file(tmp_path / "supervisor")

    os.kill(supervisor, 9)

    assert 137 == state(await place.until(POD, "orphaned", phase("Failed")))["terminated"]["exitCode"]
    assert not alive(child)


async def test_a_pod_past_its_own_deadline_fails(place: Place) -> None:
    """activeDeadlineSeconds of the pod is the hard limit."""
    await place.create(POD, pod("slow", container("exec sleep 600"), activeDeadlineSeconds=1))

    failed = await place.until(POD, "slow", phase("Failed"))

    assert "DeadlineExceeded" == failed["status"]["reason"]
    assert 143 == state(failed)["terminated"]["exitCode"]


async def test_a_pod_that_was_never_scheduled_can_be_deleted(tmp_path: Path) -> None:
    """Its finalizer's owner learns that it failed; it does not wait for a place first."""
    async with local_place(tmp_path, slots=1) as place:
        await place.create(POD, pod("first", container("exec sleep 600")))
        await place.until(POD, "first", phase("Running"))
        held = pod("second", container("true"))
        held["metadata"]["finalizers"] = ["example.org/hold"]
        await place.create(POD, held)
        await place.until(POD, "second", lambda found: found["status"].get("conditions"))

        await place.cluster.delete(POD, "work", "second")

        await place.until(POD, "second", phase("Failed"))


async def test_files_follow_their_secret(place: Place, tmp_path: Path) -> None:
    """A renewed token reaches a running pod, whole."""
    await place.create(SECRET, {"metadata": {"name": "token"}, "stringData": {"token": "old"}})
    script = f"cat $DIR/token > {tmp_path}/seen; until grep -q new $DIR/token; do sleep 0.02; done; cat $DIR/token"
    main = container(
        script, env=[{"name": "DIR", "value": "/secret"}], volumeMounts=[{"name": "token", "mountPath": "/secret"}]
    )
    volume = {"name": "token", "secret": {"secretName": "token", "defaultMode": 0o400}}
    await place.create(POD, pod("renewing", main, volumes=[volume]))
    await until_file(tmp_path / "seen", str)

    await place.cluster.patch(SECRET, "work", "token", {"stringData": {"token": "new"}})

    await place.until(POD, "renewing", phase("Succeeded"))
    assert "old" == (tmp_path / "seen").read_text()
    assert b"new" == await place.log("renewing")


async def test_a_missing_volume_source_is_told_and_waited_for(place: Place) -> None:
    """ContainerCreating with a FailedMount event, until the ConfigMap is there."""
    main = container(
        "cat $FILE",
        env=[{"name": "FILE", "value": "/etc/app/a"}],
        volumeMounts=[{"name": "v", "mountPath": "/etc/app"}],
    )
    await place.create(POD, pod("early", main, volumes=[{"name": "v", "configMap": {"name": "late"}}]))
    await place.until(POD, "early", waits("ContainerCreating"))

    await place.create(CONFIG_MAP, {"metadata": {"name": "late"}, "data": {"a": "settings"}})

    await place.until(POD, "early", phase("Succeeded"))
    assert b"settings" == await place.log("early")
    events = (await place.cluster.list(EVENT, "work")).items
    assert 'MountVolume.SetUp failed for volume "v" : configmap "late" not found' in [e["message"] for e in events]


async def test_volumes_are_shared_and_paths_rewritten(place: Place) -> None:
    """Init container and main container see one folder, under the paths that their specification says."""
    mounts = [{"name": "space", "mountPath": "/workspace"}]
    prepare = container("echo content > $PLACE", "prepare", volumeMounts=mounts)
    prepare["env"] = [{"name": "PLACE", "value": "/workspace/file"}]
    main = container("pwd; cat ../file", volumeMounts=mounts, workingDir="/workspace/repo")
    spec = {"initContainers": [prepare], "volumes": [{"name": "space", "emptyDir": {}}]}
    created = await place.create(POD, pod("sharing", main, **spec))

    await place.until(POD, "sharing", phase("Succeeded"))

    folder = place.root / "node" / "pods" / created["metadata"]["uid"]
    assert f"{folder}/volumes/space/repo\ncontent\n".encode() == await place.log("sharing")
    assert not folder.exists()


async def test_a_prompt_is_never_rewritten(place: Place) -> None:
    """Text that mentions a mount path is text."""
    prompt = "look at /workspace/repo and $(HOME) and /workspace"
    main = {"name": "main", "image": "shell:1", "command": ["printf"], "args": ["%s", prompt]}
    main["volumeMounts"] = [{"name": "space", "mountPath": "/workspace"}]
    await place.create(POD, pod("literal", main, volumes=[{"name": "space", "emptyDir": {}}]))

    await place.until(POD, "literal", phase("Succeeded"))

    assert prompt.encode() == await place.log("literal")


async def test_a_claim_outlives_its_pods(place: Place) -> None:
    """A persistent workspace is there again for the next pod."""
    size = {"resources": {"requests": {"storage": "1Gi"}}, "accessModes": ["ReadWriteOnce"]}
    await place.create(PVC, {"metadata": {"name": "disk"}, "spec": size})
    volume = {"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}}
    mounts = {"volumeMounts": [{"name": "disk", "mountPath": "/data"}], "workingDir": "/data"}

    for turn in ("one", "two"):
        await place.create(POD, pod(turn, container(f"echo {turn} >> log; cat log", **mounts), volumes=[volume]))
        await place.until(POD, turn, phase("Succeeded"))

    assert b"one\ntwo\n" == await place.log("two")
    await place.until(PVC, "disk", phase("Bound"))


async def test_a_host_path_is_refused(place: Place) -> None:
    """A pod gets no folder of the host; the sentence says what it can have."""
    await place.create(POD, pod("nosy", container("true"), volumes=[{"name": "etc", "hostPath": {"path": "/etc"}}]))

    failed = await place.until(POD, "nosy", phase("Failed"))

    assert "Volume 'etc' is a hostPath; this node offers" in failed["status"]["message"]


async def test_nothing_of_the_hosts_environment_leaks(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys in the shell that started the plane are not the agents'."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-host")
    await place.create(POD, pod("clean", container("env | cut -d= -f1 | sort")))

    await place.until(POD, "clean", phase("Succeeded"))

    names = (await place.log("clean")).decode().split()
    assert {"HOME", "HOSTNAME", "TMPDIR", "PATH"} <= set(names)
    assert set() == set(names) - {"HOME", "HOSTNAME", "TMPDIR", "PATH", "LANG", "TZ", "PWD", "KELOS_LOCAL_CONTAINER"}


async def test_a_plane_that_was_killed_lost_its_pods(tmp_path: Path) -> None:
    """The next plane on the same database says so, and runs nothing twice."""
    async with local_place(tmp_path, store=tmp_path / "db") as place:
        await place.create(POD, pod("doomed", container(f"echo x >> {tmp_path}/runs; exec sleep 600")))
        await place.until(POD, "doomed", phase("Running"))
        (tmp_path / "db-copy").write_bytes((tmp_path / "db").read_bytes())
        wal = tmp_path / "db-wal"
        (tmp_path / "db-copy-wal").write_bytes(wal.read_bytes() if wal.exists() else b"")

    async with local_place(tmp_path, store=tmp_path / "db-copy") as place:
        lost = await place.until(POD, "doomed", phase("Failed"))

    assert "NodeLost" == lost["status"]["reason"]
    assert "DisruptionTarget" in [each["type"] for each in lost["status"]["conditions"]]
    assert "ContainerStatusUnknown" == state(lost)["terminated"]["reason"]
    assert "x\n" == (tmp_path / "runs").read_text()


async def test_the_end_of_the_node_ends_its_pods(tmp_path: Path) -> None:
    """An orderly end is no kill: pods get a short grace and a status that says why."""
    async with local_place(tmp_path, store=tmp_path / "db") as place:
        await place.create(POD, pod("evening", container(f"echo $$ > {tmp_path}/pid; exec sleep 600")))
        pid = await until_file(tmp_path / "pid")

    assert not alive(pid)
    async with local_place(tmp_path, store=tmp_path / "db") as place:
        ended = await place.until(POD, "evening", phase("Failed"))
    assert "Terminated" == ended["status"]["reason"]


PLANE = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from integration.local_jobs.conftest import container, local_place
from integration.local_jobs.test_pods import pod
from kelos.api.kinds import POD

async def main():
    async with local_place(Path(sys.argv[2])) as place:
        await place.create(POD, pod("child", container(sys.argv[3])))
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_killed_plane_takes_its_containers_along(tmp_path: Path) -> None:
    """SIGKILL to the plane must not leave an agent spending, not even one that became a daemon."""
    (tmp_path / "daemon.py").write_text(DAEMON)
    daemon = f"{sys.executable} {tmp_path}/daemon.py {tmp_path}/daemon"
    script = f"trap '' TERM; {daemon}; echo $$ > {tmp_path}/main; while :; do sleep 0.05; done"
    tests = Path(__file__).parents[2]
    command = [sys.executable, "-c", PLANE, str(tests), str(tmp_path / "plane"), script]
    plane = await asyncio.create_subprocess_exec(*command)
    main, escaped = await until_file(tmp_path / "main"), await until_file(tmp_path / "daemon")
    plane.kill()
    await plane.wait()

    await until(lambda: not alive(main) and not alive(escaped))
