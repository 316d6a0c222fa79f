"""A kubeconfig comes from anywhere and in any shape; a wrong one is explained without showing what is in it."""

import base64
import json
import stat
import sys
from pathlib import Path

import pytest
import yaml

from kelos.action.api.credentials import Credentials
from kelos.action.api.kubeconfig import find_target, parse
from kelos.action.api.target import Target
from kelos.action.documents import read_document, read_documents
from kelos.errors import Unauthorized, UserError


def config(cluster: dict | None = None, user: dict | None = None, **context: str) -> dict:
    """The smallest kubeconfig, with what the test is about."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "main",
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u", **context}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://k8s.example", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
    }


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("dump", [json.dumps, yaml.safe_dump], ids=["json", "yaml"])
@pytest.mark.parametrize("as_path", [False, True], ids=["content", "path"])
def test_content_or_path_json_or_yaml(tmp_path: Path, dump, as_path):
    """A secret of the repository holds content; a cloud login action leaves a path."""
    text = dump(config(namespace="ci"))
    (tmp_path / "config").write_text(text)

    target = find_target(str(tmp_path / "config") if as_path else text, "", {}, tmp_path)

    assert ("https://k8s.example", "ci") == (target.server, target.namespace)


def test_the_variable_the_home_folder_and_nothing(tmp_path: Path):
    """The order is kubectl's; a runner without any is told what to set."""
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_text(json.dumps(config({"server": "https://home.example"})))
    (tmp_path / "other").write_text(json.dumps(config({"server": "https://other.example"})))

    by_variable = find_target("", "", {"KUBECONFIG": str(tmp_path / "other")}, tmp_path)
    by_home = find_target("", "", {}, tmp_path)

    assert ("https://other.example", "https://home.example") == (by_variable.server, by_home.server)
    with pytest.raises(UserError, match="There is no kubeconfig: set the input `kubeconfig`"):
        find_target("", "", {}, tmp_path / "nobody")


@pytest.mark.parametrize(
    ("host", "port", "server"),
    [
        ("10.0.0.1", "6443", "https://10.0.0.1:6443"),
        ("10.0.0.1", "", "https://10.0.0.1:443"),
        ("fd00::1", "443", "https://[fd00::1]:443"),
    ],
)
def test_a_runner_in_a_pod_uses_its_service_account(tmp_path: Path, host, port, server):
    """ARC's runners live in the cluster; whoever gives a kubeconfig means another one."""
    for name, text in (("token", "abc\n"), ("ca.crt", "CA"), ("namespace", "runners\n")):
        (tmp_path / name).write_text(text)
    env = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "HTTPS_PROXY": "http://proxy:1"}

    target = find_target("", "", {**env, "NO_PROXY": host}, tmp_path / "nobody", account=tmp_path)
    other = find_target(json.dumps(config()), "", env, tmp_path / "nobody", account=tmp_path)

    assert (server, "runners", b"CA", None) == (target.server, target.namespace, target.ca, target.proxy)
    assert "Bearer abc" == Credentials(target).signature().authorization
    assert ("https://k8s.example", "proxy") == (other.server, other.proxy and other.proxy.host)


def test_half_a_service_account_is_explained(tmp_path: Path):
    """A volume that was mounted in part."""
    (tmp_path / "token").write_text("abc")

    with pytest.raises(UserError, match=r"The ServiceAccount in '.*' cannot be read: No such file"):
        find_target("", "", {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, tmp_path / "nobody", account=tmp_path)


def test_several_files_are_one_and_the_first_wins(tmp_path: Path):
    """As kubectl has it."""
    first, second = config({"server": "https://first.example"}), config({"server": "https://second.example"})
    second["contexts"].append({"name": "extra", "context": {"cluster": "c", "user": "u", "namespace": "x"}})
    for name, document in (("a", first), ("b", second)):
        (tmp_path / name).write_text(json.dumps(document))

    env = {"KUBECONFIG": f"{tmp_path / 'a'}:{tmp_path / 'missing'}:{tmp_path / 'b'}"}
    target = find_target("", "extra", env, tmp_path)

    assert ("https://first.example", "x") == (target.server, target.namespace)


def test_files_are_found_beside_the_kubeconfig(tmp_path: Path):
    """Relative paths start from the folder of the file that names them."""
    (tmp_path / "ca.pem").write_text("CA")
    (tmp_path / "config").write_text(json.dumps(config({"certificate-authority": "ca.pem"}, {"tokenFile": "token"})))

    target = find_target(str(tmp_path / "config"), "", {}, tmp_path)

    assert (b"CA", tmp_path / "token") == (target.ca, target.token_file)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({}, "has no current-context: set the input `kube-context`"),
        ({"current-context": "x"}, "has no context 'x': it has none"),
        ({**config(), "clusters": []}, "has no cluster 'c': it has none"),
        ({**config(), "users": [{"name": "v"}]}, "has no user 'u': it has v"),
        ({**config(), "users": "text"}, "`users` is not a list of named entries"),
        (config({"server": "k8s.example"}), "cluster 'c' has no address: set `server` to an https:// URL"),
        (config({"certificate-authority-data": "%%%"}), "`certificate-authority-data` is not base64"),
        (config({"certificate-authority": "/none"}), "file '/none' cannot be read: embed it"),
        (config({"proxy-url": "ftp://me:s3cr3t@p"}), "`proxy-url` is no address of a proxy: write it like http://"),
        (config({"proxy-url": "http://me:s3cr3t@p:x"}), "`proxy-url` is no address of a proxy"),
        (
            config({"certificate-authority-data": "eA==", "insecure-skip-tls-verify": True}),
            "has a certificate-authority and `insecure-skip-tls-verify`: remove the latter",
        ),
        (config(user={"auth-provider": {"name": "gcp"}}), "uses `auth-provider`, which Kubernetes removed"),
        (config(user={"exec": {"command": "x"}}), "`exec` has the apiVersion empty: update the plugin to client."),
        (config(user={"exec": {"apiVersion": "v1"}}), "`exec` names no command"),
        (config(user={"exec": "login"}), "`exec` names no command"),
        (
            config(user={"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1alpha1"}}),
            "has the apiVersion client.authentication.k8s.io/v1alpha1: update the plugin",
        ),
        (
            config(
                user={
                    "exec": {
                        "command": "x",
                        "apiVersion": "client.authentication.k8s.io/v1",
                        "interactiveMode": "Always",
                    }
                }
            ),
            "exec plugin 'x' needs a terminal: use one that runs without",
        ),
    ],
)
def test_a_wrong_kubeconfig_is_explained(document, sentence):
    """The sentence names the entry and the remedy."""
    with pytest.raises(UserError) as refused:
        parse(document, folder=Path())

    assert sentence in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "token: s3cr3t\n\tx: y",
        "{token: s3cr3t",
        '{"token": "s3cr3t"',
        "a: &s3cr3t b\nc: *other",
        "- s3cr3t",
        "s3cr3t",
        "!!python/x s3cr3t",
    ],
)
def test_a_kubeconfig_that_does_not_parse_is_not_quoted(text):
    """It holds secrets, and the sentence goes to the log."""
    with pytest.raises(UserError) as refused:
        read_document(text, "The kubeconfig")

    assert "s3cr3t" not in str(refused.value)
    assert "The kubeconfig" in str(refused.value)


def test_json_needs_no_yaml(monkeypatch):
    """A runner without PyYAML that gets JSON never notices."""
    monkeypatch.setitem(sys.modules, "yaml", None)

    assert {"a": 1} == read_document('{"a": 1}', "It")
    with pytest.raises(UserError, match="It is YAML, and this Python has no PyYAML: install the package"):
        read_document("a: 1", "It")


def test_empty_documents_do_not_count():
    """Files often begin or end with a separator."""
    assert ({"a": 1}, {"b": 2}) == read_documents("---\na: 1\n---\n---\nb: 2\n...\n", "It")


def test_a_signature_is_never_shown():
    """Values that carry secrets print without them."""
    target = Target(server="https://x", token="s3cr3t", password="s3cr3t", key=b"s3cr3t")
    credentials = Credentials(target)

    assert "Bearer s3cr3t" == credentials.signature().authorization
    assert "s3cr3t" not in f"{target}{target!r}{credentials.signature()!r}"


def test_a_password_becomes_basic_authorization():
    """Old, and still in use."""
    target = Target(server="https://x", username="me", password="word")

    assert f"Basic {b64('me:word')}" == Credentials(target).signature().authorization


def test_a_token_file_is_read_again(tmp_path: Path):
    """Projected service account tokens are replaced every hour."""
    now = [0.0]
    (tmp_path / "token").write_text("one\n")
    credentials = Credentials(Target(server="https://x", token_file=tmp_path / "token"), clock=lambda: now[0])
    first = credentials.signature()

    (tmp_path / "token").write_text("two\n")
    now[0] = 61.0

    assert ("Bearer one", "Bearer two") == (first.authorization, credentials.signature().authorization)


def plugin(tmp_path: Path, body: str, **extra: object) -> Target:
    """A kubeconfig with an exec plugin that is this shell script, beside it."""
    script = tmp_path / "login"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    entry = {"command": "./login", "apiVersion": "client.authentication.k8s.io/v1", **extra}
    return parse(config(user={"exec": entry}), folder=tmp_path)


def answer(token: str, expiry: str = "") -> str:
    status = {"token": token, **({"expirationTimestamp": expiry} if expiry else {})}
    return json.dumps({"kind": "ExecCredential", "status": status})


def test_a_plugin_gets_its_arguments_and_the_protocol(tmp_path: Path):
    """Every managed cluster signs in this way."""
    body = 'printf %s "$1 $REGION $KUBERNETES_EXEC_INFO" > seen\necho \'' + answer("abc") + "'"
    target = plugin(tmp_path, f"cd {tmp_path}\n{body}", args=["x"], env=[{"name": "REGION", "value": "eu"}])

    assert "Bearer abc" == Credentials(target).signature().authorization
    words = (tmp_path / "seen").read_text()
    assert words.startswith("x eu {")
    assert {"interactive": False} == json.loads(words[5:])["spec"]


@pytest.mark.parametrize("version", ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"])
def test_a_plugin_is_told_of_its_cluster_when_it_asks(tmp_path: Path, version):
    """Some serve many clusters and need to know which; what the cluster's entry says to them is handed on."""
    body = f"""printf %s "$KUBERNETES_EXEC_INFO" > {tmp_path}/seen\necho '{answer("abc")}'"""
    plain = plugin(tmp_path, body, apiVersion=version, provideClusterInfo=True, interactiveMode="IfAvailable")
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    cluster = {"tls-server-name": "k8s", "certificate-authority-data": b64("CA"), "extensions": [extension]}
    user = {"exec": {"command": "./login", "apiVersion": version, "provideClusterInfo": True}}
    whole = parse(config({**cluster, "proxy-url": "http://p:1"}, user), folder=tmp_path)
    told = []

    for target in (plain, whole):
        Credentials(target).signature()
        told.append(json.loads((tmp_path / "seen").read_text()))

    assert [version, version] == [one["apiVersion"] for one in told]
    assert {"server": "https://k8s.example"} == told[0]["spec"]["cluster"]
    assert {
        "server": "https://k8s.example",
        "certificate-authority-data": b64("CA"),
        "tls-server-name": "k8s",
        "proxy-url": "http://p:1",
        "config": {"audience": "x"},
    } == told[1]["spec"]["cluster"]


def test_a_plugin_sees_nothing_of_our_inputs(tmp_path: Path, monkeypatch):
    """Among them are the whole kubeconfig and the job's token; what the runner gives every step it may need."""
    monkeypatch.setenv("KELOS_INPUT_KUBECONFIG", "s3cr3t")
    monkeypatch.setenv("KELOS_INPUT_GITHUB_TOKEN", "s3cr3t")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "theirs")

    Credentials(plugin(tmp_path, f"env > {tmp_path}/seen\necho '{answer('abc')}'")).signature()

    seen = (tmp_path / "seen").read_text()
    assert ("s3cr3t" in seen, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=theirs" in seen) == (False, True)


def test_a_plugin_may_bring_a_certificate(tmp_path: Path):
    """The other half of the protocol."""
    status = json.dumps({"status": {"clientCertificateData": "cert", "clientKeyData": "key"}})

    signature = Credentials(plugin(tmp_path, f"echo '{status}'")).signature()

    assert ("", b"cert", b"key") == (signature.authorization, signature.certificate, signature.key)


def test_a_login_that_fails_between_leaves_the_old_one_in_use(tmp_path: Path):
    """A renewal comes early, so the signature in hand may be good for a while; the server is the judge."""
    now = [0.0]
    target = plugin(tmp_path, f"cd {tmp_path}\n[ ! -e down ] || exit 1\necho '{answer('abc', '2020-01-01T00:00:00Z')}'")
    credentials = Credentials(target, clock=lambda: now[0])
    first = credentials.signature()
    (tmp_path / "down").touch()
    now[0] = 2.0

    assert first is credentials.signature()
    with pytest.raises(Unauthorized, match="failed with code 1"):
        credentials.refresh(first)


def test_an_expired_answer_is_asked_for_again_and_a_refusal_at_most_once_a_minute(tmp_path: Path):
    """Cloud tokens live minutes; agents run for an hour."""
    now = [0.0]
    count = f"cd {tmp_path}\necho x >> count\n"
    target = plugin(tmp_path, f"{count}echo '{answer('abc', '2020-01-01T00:00:00Z')}'")
    credentials = Credentials(target, clock=lambda: now[0])

    def runs() -> int:
        credentials.signature()
        return len((tmp_path / "count").read_text().split())

    first, again = runs(), runs()
    now[0] = 2.0
    expired = runs()
    assert (1, 1, 2) == (first, again, expired)
    refused = credentials.signature()
    assert (True, False) == (credentials.refresh(refused), credentials.refresh(credentials.signature()))


def test_threads_that_are_refused_together_renew_once(tmp_path: Path):
    """Watch, log and lease meet the same expired token; the second one is not a refusal of the new."""
    (tmp_path / "token").write_text("old")
    credentials = Credentials(Target(server="https://x", token_file=tmp_path / "token"), clock=lambda: 0.0)
    refused = credentials.signature()
    (tmp_path / "token").write_text("new")

    assert (True, True) == (credentials.refresh(refused), credentials.refresh(refused))
    assert "Bearer new" == credentials.signature().authorization


@pytest.mark.parametrize("expiry", ["2999-01-01T00:00:00.123456789Z", "2999-01-01T00:00:00+01:00", "soon"])
def test_an_expiry_may_be_written_in_any_way(tmp_path: Path, expiry):
    """Go writes nanoseconds; what cannot be read counts as passed."""
    target = plugin(tmp_path, f"echo '{answer('abc', expiry)}'")

    assert "Bearer abc" == Credentials(target).signature().authorization


@pytest.mark.parametrize(
    ("body", "error", "sentence"),
    [
        ("echo 'no session' >&2; exit 3", Unauthorized, "failed with code 3: no session"),
        ("echo hello", Unauthorized, "printed no ExecCredential with a token, or certificate and key: update it"),
        (
            'echo \'{"status": {"clientCertificateData": "x"}}\'',
            Unauthorized,
            "printed no ExecCredential with a token, or certificate and key: update it",
        ),
        (
            'echo \'{"apiVersion": "client.authentication.k8s.io/v1beta1", "status": {"token": "x"}}\'',
            Unauthorized,
            "answered in client.authentication.k8s.io/v1beta1, and the kubeconfig asks for",
        ),
        (
            "echo '{\"status\": {}}'",
            Unauthorized,
            "printed no ExecCredential with a token, or certificate and key: update it",
        ),
    ],
)
def test_a_plugin_that_fails_says_why(tmp_path: Path, body, error, sentence):
    """Its own last words are the remedy."""
    with pytest.raises(error) as refused:
        Credentials(plugin(tmp_path, body)).signature()

    assert sentence in str(refused.value)


def test_a_plugin_that_is_missing_is_named_with_its_hint(tmp_path: Path):
    """The kubeconfig's author wrote how to install it."""
    entry = {
        "command": "no-such-login",
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "installHint": "run: install-login",
    }
    target = parse(config(user={"exec": entry}), folder=tmp_path)

    with pytest.raises(UserError, match="'no-such-login' is not on this runner: run: install-login"):
        Credentials(target).signature()


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))]),
        "a: &a\n  b: *a\n",
    ],
    ids=["bomb", "circle"],
)
def test_a_few_lines_that_stand_for_billions_are_refused(text):
    """The checkout may be a stranger's, and the Task is written out as JSON."""
    with pytest.raises(UserError, match="It has more than 200000 values once its aliases are written out"):
        read_documents(text, "It")
