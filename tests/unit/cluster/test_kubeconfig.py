"""Which kubeconfig is read, and what is said when it cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest

from kelos.cluster.kubeconfig import load_access, parse
from kelos.errors import UserError
from unit.cluster.test_access import document


def write(path: Path, content: dict[str, Any]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return str(path)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home")}


def test_a_named_file_wins_over_everything(tmp_path: Path, home: dict[str, str]) -> None:
    """What somebody typed counts most."""
    named = write(tmp_path / "named", document("named"))
    environ = {**home, "KUBECONFIG": write(tmp_path / "variable", document("variable"))}

    assert "named" == load_access(kubeconfig=named, environ=environ).context


def test_the_variable_wins_over_the_home_folder(tmp_path: Path, home: dict[str, str]) -> None:
    """It may list files; those that do not exist are passed over, as kubectl does."""
    write(Path(home["HOME"]) / ".kube" / "config", document("home"))
    variable = write(tmp_path / "variable", document("variable"))

    assert "variable" == load_access(environ={**home, "KUBECONFIG": f"/does/not/exist::{variable}"}).context
    assert "home" == load_access(environ=home).context


def test_a_pod_uses_its_service_account(tmp_path: Path, home: dict[str, str]) -> None:
    """The controller needs no configuration in a cluster."""
    for name, text in {"token": "t", "ca.crt": "pem", "namespace": "kelos-system\n"}.items():
        (tmp_path / name).write_text(text)
    environ = {**home, "KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    access = load_access(environ=environ, service_account=tmp_path)

    assert ("https://[fd00::1]:443", "kelos-system") == (access.server, access.namespace)
    assert str(tmp_path / "token") == access.user["tokenFile"]


def test_nothing_at_all_says_what_to_do(home: dict[str, str]) -> None:
    """The first thing a new user sees."""
    with pytest.raises(UserError, match=r"No cluster is configured.*--kubeconfig.*--local"):
        load_access(environ=home)


def test_a_context_needs_a_kubeconfig(home: dict[str, str]) -> None:
    """Silently using another cluster would be worse."""
    with pytest.raises(UserError, match="Context 'prod' was asked for"):
        load_access(context="prod", environ={**home, "KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "1"})


def test_a_missing_file_is_named(home: dict[str, str]) -> None:
    """A path is the easiest thing to get wrong."""
    with pytest.raises(UserError, match="'/does/not/exist' does not exist; correct --kubeconfig"):
        load_access(kubeconfig="/does/not/exist", environ=home)
    with pytest.raises(UserError, match="KUBECONFIG names '/a', '/b', and nothing is there; correct the variable"):
        load_access(environ={**home, "KUBECONFIG": "/a:/b"})


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    """The error of the system is part of the sentence."""
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        load_access(kubeconfig=str(tmp_path), environ={})


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    """Tools write kubeconfigs that point into folders that were cleaned up."""
    users = [{"name": "work", "user": {"client-certificate": "gone.crt", "client-key": "gone.key"}}]
    with pytest.raises(UserError, match=r"client-certificate '.*gone.crt', named by context 'work' of kubeconfig '.*'"):
        load_access(kubeconfig=write(tmp_path / "config", document(users=users)), environ={})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{broken", "does not parse: Expecting property name"),
        ("users:\n- name: a\n  user: {token: hunter2\n", "does not parse: line 4, column 1"),
        ("a: \x07hunter2", "does not parse"),
        ("- hunter2", "is not a mapping"),
        ('"hunter2"', "is not a mapping"),
    ],
)
def test_a_broken_file_is_not_quoted(text: str, words: str) -> None:
    """The text around the mistake may be a token."""
    with pytest.raises(UserError) as caught:
        parse("config", text)

    assert words in str(caught.value)
    assert "Kubeconfig 'config'" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_json_and_yaml_are_read() -> None:
    """JSON needs no YAML parser, which costs start-up time."""
    assert {"a": "b"} == parse("config", ' {"a": "b"}') == parse("config", "a: b")
    assert {} == parse("config", "")
