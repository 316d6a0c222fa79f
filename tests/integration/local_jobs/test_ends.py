"""How pods end: asked, forced, past their time, or with the plane."""

import asyncio
import os
import sys
import textwrap
from pathlib import Path

import pytest

from kelos.api.kinds import POD

from .conftest import Place, alive, container, local_place, phase, pod, state, until, until_file

pytestmark = pytest.mark.anyio


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
    """activeDeadlineSeconds of the pod is the hard limit; here it leaves the container time to be there before."""
    await place.create(POD, pod("slow", container("exec sleep 600"), activeDeadlineSeconds=5))

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
from integration.local_jobs.conftest import container, local_place, pod
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


async def test_a_second_deletion_can_only_hurry(place: Place, tmp_path: Path) -> None:
    """`kubectl delete --grace-period=1` after a patient deletion must not wait for the first grace."""
    script = f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.02; done"
    await place.create(POD, pod("patient", container(script), terminationGracePeriodSeconds=600))
    pid = await until_file(tmp_path / "pid")
    await place.cluster.delete(POD, "work", "patient")
    assert alive(pid)

    await place.cluster.delete(POD, "work", "patient", grace_seconds=1)

    await place.until_gone(POD, "patient")
    assert not alive(pid)


async def test_a_pod_deleted_by_force_is_killed(place: Place, tmp_path: Path) -> None:
    """Its object goes at once; its processes follow."""
    await place.create(POD, pod("forced", container(f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do :; done")))
    pid = await until_file(tmp_path / "pid")

    await place.cluster.delete(POD, "work", "forced", grace_seconds=0)

    await place.until_gone(POD, "forced")
    await until(lambda: not alive(pid))


async def test_what_others_say_about_a_pod_stays(place: Place, tmp_path: Path) -> None:
    """An eviction's condition survives the node's own writes, or a Job would count a disruption as a failure."""
    held = pod("evicted", container(f"echo 1 > {tmp_path}/up; exec sleep 600"))
    held["metadata"]["finalizers"] = ["example.org/hold"]
    created = await place.create(POD, held)
    running = await place.until(POD, "evicted", phase("Running"))
    disrupted = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    status = {"conditions": [*running["status"]["conditions"], disrupted]}
    await place.cluster.patch(POD, "work", "evicted", {"status": status}, subresource="status")

    await place.cluster.delete(POD, "work", "evicted", uid=created["metadata"]["uid"])

    failed = await place.until(POD, "evicted", phase("Failed"))
    assert "DisruptionTarget" in [each["type"] for each in failed["status"]["conditions"]]
