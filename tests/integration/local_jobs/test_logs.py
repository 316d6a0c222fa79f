"""Container logs: written by the supervisor, read through the API's reader."""

import asyncio
import tracemalloc
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from kelos.api.kinds import POD
from kelos.errors import Invalid
from kelos.local.jobs.process.logs import PodLogs
from kelos.local.jobs.process.processes import ContainerProcess, Launch

from .conftest import PATIENCE_SECONDS, Place, container, phase, pod

pytestmark = pytest.mark.anyio


async def test_following_shows_lines_as_they_come(place: Place, tmp_path: Path) -> None:
    """A person watching sees the first line before the container ends, and the reader ends with the container."""
    script = f"echo one; while ! test -e {tmp_path}/go; do sleep 0.02; done; echo two"
    await place.create(POD, pod("talker", container(script)))
    await place.until(POD, "talker", phase("Running"))
    chunks = place.cluster.logs("work", "talker", container="main", follow=True)

    first = await asyncio.wait_for(anext(chunks), PATIENCE_SECONDS)
    (tmp_path / "go").touch()
    rest = b"".join([chunk async for chunk in chunks])

    assert (b"one\n", b"two\n") == (first, rest)


async def test_both_streams_are_there_in_order_of_time(place: Place, tmp_path: Path) -> None:
    """stdout and stderr share one log, as with any container."""
    script = f"echo out; while ! test -e {tmp_path}/go; do sleep 0.02; done; echo err >&2"
    await place.create(POD, pod("both", container(script)))
    await place.until(POD, "both", phase("Running"))
    chunks = place.cluster.logs("work", "both", container="main", follow=True)
    first = await asyncio.wait_for(anext(chunks), PATIENCE_SECONDS)
    (tmp_path / "go").touch()
    rest = b"".join([chunk async for chunk in chunks])

    assert (b"out\n", b"err\n") == (first, rest)
    assert b"out\nerr\n" == await place.log("both")


async def test_any_bytes_survive(place: Place) -> None:
    """Long lines, no last newline, bytes that are no text."""
    script = r"head -c 100000 /dev/zero | tr '\0' a; printf '\n\377\000\r\nend'"
    await place.create(POD, pod("bytes", container(script)))
    await place.until(POD, "bytes", phase("Succeeded"))

    assert b"a" * 100000 + b"\n\xff\x00\r\nend" == await place.log("bytes")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [(0, b""), (1, b"end"), (2, b"b" * 40000 + b"\nend"), (9, b"one\n" + b"b" * 40000 + b"\nend")],
)
async def test_the_tail_counts_lines_of_output(place: Place, lines: int, expected: bytes) -> None:
    """A long line is one line, however many pieces it was written in."""
    script = r"echo one; head -c 40000 /dev/zero | tr '\0' b; printf '\nend'"
    await place.create(POD, pod("tail", container(script)))
    await place.until(POD, "tail", phase("Succeeded"))

    assert expected == await place.log("tail", tail_lines=lines)


async def test_the_limit_is_exact(place: Place) -> None:
    """A reader that asks for ten bytes gets ten."""
    await place.create(POD, pod("limited", container("seq 1000")))
    await place.until(POD, "limited", phase("Succeeded"))

    assert b"1\n2\n3\n4\n5\n" == await place.log("limited", limit_bytes=10)


async def test_times_on_request(place: Place) -> None:
    """RFC 3339 with nanoseconds, once per line."""
    await place.create(POD, pod("clock", container("echo tick")))
    await place.until(POD, "clock", phase("Succeeded"))

    time, word = (await place.log("clock", timestamps=True)).decode().split()

    assert "tick" == word
    assert len("2026-01-01T00:00:00.000000000Z") == len(time)


async def test_old_lines_can_be_left_out(place: Place) -> None:
    """`since` is a moment; what was written before it is not shown."""
    await place.create(POD, pod("old", container("echo before")))
    await place.until(POD, "old", phase("Succeeded"))

    later = datetime.now(timezone.utc) + timedelta(seconds=5)

    assert b"" == await place.log("old", since=later)
    assert b"before\n" == await place.log("old", since=later - timedelta(minutes=5))


async def test_there_is_no_log_before_the_start(place: Place) -> None:
    """The API's answer is a sentence, not an empty log."""
    await place.create(POD, pod("never", {"name": "main", "image": "unknown"}))

    with pytest.raises(Invalid, match='container "main" in pod "never" is waiting to start'):
        await place.log("never")


async def test_a_big_log_streams(tmp_path: Path) -> None:
    """50 MB pass through without being held in memory."""
    logs = PodLogs(tmp_path)
    manifest = {"metadata": {"namespace": "work", "name": "big", "uid": "1"}}
    path = logs.begin(manifest, "main", 0)
    script = "yes 0123456789012345678901234567890123456789012345678901234567890 | head -c 50000000"
    launch = Launch(
        id="big", argv=("sh", "-c", script), environment={"PATH": "/usr/bin:/bin"}, directory=tmp_path, log=path
    )
    process = await ContainerProcess.start(launch)
    await process.wait()
    logs.end(path)

    tracemalloc.start()
    size = 0
    async for chunk in logs.read("work", "big", "main", follow=True):
        size += len(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert 50_000_000 == size
    assert peak < 4_000_000


async def test_a_log_can_be_read_after_a_restart_of_the_plane(tmp_path: Path) -> None:
    """Files are found by the pod's name alone."""
    manifest = {"metadata": {"namespace": "work", "name": "done", "uid": "1"}}
    writer = PodLogs(tmp_path)
    path = writer.begin(manifest, "main", 0)
    path.write_bytes(b"2026-01-01T00:00:00.000000000Z stdout F kept\n")

    chunks = PodLogs(tmp_path).read("work", "done", "main", follow=True)

    assert b"kept\n" == b"".join([chunk async for chunk in chunks])
