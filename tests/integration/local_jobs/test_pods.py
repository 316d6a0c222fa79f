"""What a node does with a pod's containers. Pods here have no Job."""

from pathlib import Path

import pytest

from kelos.api.kinds import NODE, POD

from .conftest import Place, container, phase, pod, state, waits

pytestmark = pytest.mark.anyio


async def test_a_message_is_cut_after_its_containers_share(place: Place) -> None:
    """As the kubelet does it with every container beyond the third."""
    talker = container("printf '%04000d' 0 > $T", env=[{"name": "T", "value": "/dev/termination-log"}])
    others = [container("true", name=f"other-{number}") for number in range(3)]
    manifest = pod("crowd", talker)
    manifest["spec"]["initContainers"] = others
    await place.create(POD, manifest)

    ended = await place.until(POD, "crowd", phase("Succeeded"))

    assert "0" * 3072 == state(ended)["terminated"]["message"]


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

    assert 'no program of this machine stands for image "example.org/unknown:1"' == state(waiting)["waiting"]["message"]
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


@pytest.mark.parametrize("trick", ["ln -s /etc/hostname", "mkfifo", "mkdir"])
async def test_last_words_come_from_a_plain_file_only(place: Place, trick: str) -> None:
    """A link would read the host's files, a pipe would hold up the node."""
    main = container(f"rm $T; {trick} $T; exit 0", env=[{"name": "T", "value": "/dev/termination-log"}])
    await place.create(POD, pod("tricky", main))

    done = await place.until(POD, "tricky", phase("Succeeded"))

    assert "message" not in state(done)["terminated"]
