"""Volumes, environment and paths of real pods."""

from pathlib import Path

import pytest

from kelos.api.kinds import CONFIG_MAP, EVENT, POD, PVC, SECRET

from .conftest import Place, container, phase, pod, until, until_file, waits

pytestmark = pytest.mark.anyio


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


async def test_a_mount_inside_a_mount_is_found_by_both_paths(place: Place) -> None:
    """A cache on a claim inside the workspace: by its own path and from the workspace."""
    mounts = [{"name": "space", "mountPath": "/workspace"}, {"name": "cache", "mountPath": "/workspace/cache"}]
    volumes = [{"name": "space", "emptyDir": {}}, {"name": "cache", "emptyDir": {}}]
    env = [{"name": "CACHE", "value": "/workspace/cache"}]
    main = container("echo x > $CACHE/a; cat cache/a", workingDir="/workspace", volumeMounts=mounts, env=env)
    await place.create(POD, pod("nested", main, volumes=volumes))

    await place.until(POD, "nested", phase("Succeeded"))

    assert b"x\n" == await place.log("nested")


async def test_one_file_of_a_secret_can_be_mounted(place: Place) -> None:
    """subPath names it."""
    await place.create(SECRET, {"metadata": {"name": "two"}, "stringData": {"a": "1", "b": "2"}})
    mounts = [{"name": "two", "mountPath": "/etc/a.conf", "subPath": "a"}]
    main = container("cat $CONF", volumeMounts=mounts, env=[{"name": "CONF", "value": "/etc/a.conf"}])
    await place.create(POD, pod("single", main, volumes=[{"name": "two", "secret": {"secretName": "two"}}]))

    await place.until(POD, "single", phase("Succeeded"))

    assert b"1" == await place.log("single")


async def test_a_pod_leaves_nothing_behind(place: Place) -> None:
    """Neither folders, not even read-only ones, nor logs once the object is gone."""
    script = "mkdir -p $HOME/locked/in; chmod 500 $HOME/locked"
    created = await place.create(POD, pod("tidy", container(script)))
    await place.until(POD, "tidy", phase("Succeeded"))

    await place.cluster.delete(POD, "work", "tidy")
    await place.until_gone(POD, "tidy")

    await until(lambda: not list((place.root / "logs").iterdir()))
    assert not (place.root / "node" / "pods" / created["metadata"]["uid"]).exists()
