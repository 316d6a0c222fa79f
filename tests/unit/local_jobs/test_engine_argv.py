"""The command lines for docker and podman, and what is never on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kelos.local.jobs.engine.argv import Bind, Wanted, create, pull_policy, security_of, split_environment
from kelos.local.jobs.engine.containers import state_of
from kelos.local.jobs.engine.runner import binds
from kelos.local.jobs.pod.states import ConfigError


def words(**more: Any) -> tuple[str, ...]:
    return create(Wanted(name="one", plane="p", image="app:1", environment_file=Path("/pod/environment"), **more))


def test_a_container_is_made_with_flags_that_both_engines_know() -> None:
    """Labelled for its plane, in the host's network, its variables from a private file."""
    expected = (
        *("create", "--name", "one", "--label", "kelos.dev/local-plane=p", "--network", "host"),
        *("--security-opt", "label=disable", "--env-file", "/pod/environment", "app:1"),
    )

    assert expected == words()


def test_command_and_args_keep_their_words() -> None:
    """An engine's entrypoint is one word; the rest stands behind the image, where no option is looked for."""
    made = words(command=("sh", "-c"), args=("echo $X", "--rm"))

    assert "sh" == made[made.index("--entrypoint") + 1]
    assert ("app:1", "-c", "echo $X", "--rm") == made[-4:]


def test_the_secure_defaults_reach_the_engine() -> None:
    context = {
        "runAsUser": 61100,
        "runAsGroup": 61100,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]},
    }

    said = " ".join(words(security=context))

    assert "--user 61100:61100 --cap-drop ALL --cap-add CHOWN --security-opt no-new-privileges --read-only" in said


def test_root_that_must_not_be_root_is_refused() -> None:
    with pytest.raises(ConfigError, match="non-root"):
        words(security={"runAsNonRoot": True, "runAsUser": 0})


def test_a_containers_context_wins_over_its_pods() -> None:
    pod = {"spec": {"securityContext": {"runAsUser": 1, "fsGroup": 7}}}

    assert {"runAsUser": 2, "fsGroup": 7} == security_of(pod, {"securityContext": {"runAsUser": 2}})


def test_limits_are_bytes_and_cores() -> None:
    assert "--memory 1073741824 --cpus 0.5" in " ".join(words(limits={"memory": "1Gi", "cpu": "500m"}))


def test_mounts_say_what_is_read_only() -> None:
    made = words(
        binds=(Bind(source=Path("/pod/a"), target="/a"), Bind(source=Path("/b"), target="/b", is_read_only=True))
    )

    assert ["/pod/a:/a", "/b:/b:ro"] == [made[at + 1] for at, word in enumerate(made) if word == "--volume"]


def test_a_path_that_would_be_read_as_two_is_refused() -> None:
    with pytest.raises(ConfigError, match="':'"):
        words(binds=(Bind(source=Path("/pod/a:b"), target="/a"),))


def test_values_of_one_line_go_into_the_file() -> None:
    assert ("TOKEN=s3cret # =x\n", ()) == split_environment({"TOKEN": "s3cret # =x"})


@pytest.mark.parametrize("value", ["two\nlines", '"quoted"', " edge", "x" * 40_000, "a\x85b", "\udcff"])
def test_values_that_a_file_would_change_go_by_name(value: str) -> None:
    """The engine's client finds them in its own environment: never on its command line."""
    assert ("", ("KEY",)) == split_environment({"KEY": value})


@pytest.mark.parametrize("name", ["LD_PRELOAD", "DOCKER_HOST", "PATH", "HTTPS_PROXY", "CONTAINERS_CONF", "HOME"])
def test_a_task_cannot_steer_the_engines_client(name: str) -> None:
    """In the file they are the container's alone; the client's environment never gets them."""
    assert (f"{name}=/x\n", ()) == split_environment({name: "/x"})
    with pytest.raises(ConfigError, match=name):
        split_environment({name: "two\nlines"})


def test_a_name_that_is_no_name_is_refused() -> None:
    """`NAME*` would hand over whatever the client's environment has."""
    with pytest.raises(ConfigError, match="name"):
        split_environment({"A*": "x"})


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("app", "Always"),
        ("host:5000/app", "Always"),
        ("app:latest", "Always"),
        ("app:1", "IfNotPresent"),
        ("app@sha256:0", "IfNotPresent"),
    ],
)
def test_the_pull_policy_is_that_of_kubernetes(image: str, policy: str) -> None:
    assert policy == pull_policy({"image": image})
    assert "Never" == pull_policy({"image": image, "imagePullPolicy": "Never"})


def test_what_an_engine_says_of_a_killed_container_is_read() -> None:
    """Nine digits and an offset, as docker and podman write them."""
    state = state_of(
        '{"Running":false,"OOMKilled":true,"ExitCode":137,"StartedAt":"2024-01-02T03:04:05.123456789Z",'
        '"FinishedAt":"2024-01-02T03:04:06+02:00","Error":""}'
    )

    assert (True, 137, False) == (state["oom"], state["code"], state["running"])
    assert "2024-01-02T03:04:05.123456+00:00" == state["started"].isoformat()
    assert "2024-01-02T03:04:06+02:00" == state["finished"].isoformat()


def test_a_container_that_never_started_has_no_moment() -> None:
    assert state_of('{"StartedAt":"0001-01-01T00:00:00Z"}')["started"] is None
    assert {} == state_of("Error: no such container")


def test_a_sub_path_never_leads_out_of_its_volume(tmp_path: Path) -> None:
    """Not even by a link that an earlier container, or the repository it cloned, left in the volume."""
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "escape").symlink_to(tmp_path)
    pod = {"spec": {"volumes": [{"name": "work", "emptyDir": {}}]}}

    def mounted(path: str) -> tuple[Bind, ...]:
        container = {"volumeMounts": [{"name": "work", "mountPath": "/work", "subPath": path}]}
        return binds(container, pod, {"work": volume}, {})

    assert (Bind(source=volume / "app", target="/work"),) == mounted("app")
    for path in ("escape", "escape/deeper"):
        with pytest.raises(ConfigError, match="leads out of its volume"):
            mounted(path)
