"""The token goes to the Workspace's host, and nowhere else."""

import os
import subprocess

import pytest

from fakes.git_server import GitServer, git
from kelos.api.reasons import Reason
from kelos.runner.execution.fresh_gh import with_fresh_gh
from kelos.runner.preparation.helper import as_arguments, helper_settings


def fill(pod, url, **env):
    """What git would send to this URL from inside the checkout."""
    done = subprocess.run(
        ("git", "credential", "fill"),
        input=f"url={url}\n\n".encode(),
        cwd=pod.checkout,
        env={**pod.environment(), "GIT_TERMINAL_PROMPT": "0", **env},
        capture_output=True,
        timeout=120,
    )
    return dict(line.split("=", 1) for line in done.stdout.decode().splitlines())


@pytest.fixture
def prepared(host, pod):
    pod.give_token(host.password)
    assert 0 == pod.prepare(KELOS_REPO=host.url("team/app")).exit_code
    return pod


def test_the_token_opens_its_own_host(host, prepared):
    assert {("x-access-token", host.password)} == set(host.logins)
    assert host.password == fill(prepared, host.url("team/app"))["password"]


@pytest.mark.parametrize("url", ["https://{host}/team/app.git", "http://localhost:{port}/x", "https://github.com/a/b"])
def test_no_other_host_or_protocol_gets_it(host, prepared, url):
    """Redirects, submodules and remotes of a hostile repository lead anywhere."""
    port = host.host.partition(":")[2]

    assert "password" not in fill(prepared, url.format(host=host.host, port=port))


def test_a_redirect_to_another_host_gets_no_token(tmp_path, host, pod):
    """git follows the first redirect and asks for credentials again."""
    pod.give_token("tok-for-the-front")
    with GitServer(tmp_path / "front", moved_to=f"http://{host.host}") as front:
        ran = pod.prepare(KELOS_REPO=front.url("team/app"))

    assert Reason.CLONE_FAILED is ran.outcome.reason
    assert "refused the credentials" in ran.outcome.message
    assert [] == host.logins


def test_the_token_is_written_nowhere(host, prepared):
    """Not into the checkout's configuration, not into a message."""
    for folder, _, names in os.walk(prepared.checkout):
        for name in names:
            with open(os.path.join(folder, name), "rb") as stream:
                assert host.password.encode() not in stream.read(), name


def test_the_token_is_read_anew_each_time(host, prepared):
    """Installation tokens are replaced while the agent runs."""
    prepared.give_token("tok-new")

    assert "tok-new" == fill(prepared, host.url("team/app"))["password"]


@pytest.mark.parametrize("address", ["../part.git", "{url}"])
def test_submodules_of_the_same_host_are_opened_too(tmp_path, host, pod, address):
    """By their relative or their whole address; and the agent can push from inside of one."""
    host.create("team/part")
    work = tmp_path / "work"
    git("clone", "--quiet", str(host.bare("team/app")), str(work), cwd=tmp_path)
    git("submodule", "--quiet", "add", str(host.bare("team/part")), "part", cwd=work)
    git("config", "--file", ".gitmodules", "submodule.part.url", address.format(url=host.url("team/part")), cwd=work)
    git("commit", "--quiet", "--all", "-m", "part", cwd=work)
    git("push", "--quiet", "origin", "main", cwd=work)
    pod.give_token(host.password)

    ran = pod.prepare(KELOS_REPO=host.url("team/app"), KELOS_SUBMODULES="1")

    assert 0 == ran.exit_code, ran.stderr
    assert "version 2\n" == (pod.checkout / "part/README.md").read_text()
    env = {**pod.environment(), "GIT_TERMINAL_PROMPT": "0"}
    push = ("git", "push", "--quiet", "origin", "HEAD:refs/heads/from-inside")
    assert 0 == subprocess.run(push, cwd=pod.checkout / "part", env=env, capture_output=True).returncode
    configurations = [path.read_text() for path in (pod.checkout / ".git").rglob("config")]
    assert [] == [text for text in configurations if host.password in text]


def test_submodules_of_another_host_get_no_token(tmp_path, host, pod):
    """Whoever may write to .gitmodules would have it."""
    with GitServer(tmp_path / "elsewhere", password="tok-of-nobody") as elsewhere:
        elsewhere.create("team/part")
        work = tmp_path / "work"
        git("clone", "--quiet", str(host.bare("team/app")), str(work), cwd=tmp_path)
        git("submodule", "--quiet", "add", str(elsewhere.bare("team/part")), "part", cwd=work)
        git("config", "--file", ".gitmodules", "submodule.part.url", elsewhere.url("team/part"), cwd=work)
        git("commit", "--quiet", "--all", "-m", "part", cwd=work)
        git("push", "--quiet", "origin", "main", cwd=work)
        pod.give_token(host.password)

        ran = pod.prepare(KELOS_REPO=host.url("team/app"), KELOS_SUBMODULES="1")

        assert (Reason.CLONE_FAILED, []) == (ran.outcome.reason, elsewhere.logins)
        assert f"Repository '{elsewhere.url('team/part')}' refused the credentials: check" in ran.outcome.message
        assert "whose token only the Workspace's own host is given" in ran.outcome.message


@pytest.mark.parametrize(
    ("host", "variable"), [("", "GH_TOKEN"), ("acme.ghe.com", "GH_TOKEN"), ("git.example.com", "GH_ENTERPRISE_TOKEN")]
)
def test_gh_has_the_token_of_the_moment(pod, host, variable):
    """It knows the environment only, and that is as old as the container."""
    pod.give_program("gh", "import os, sys\nprint(os.environ.get(sys.argv[1]), *sys.argv[2:])")
    pod.give_token("tok-first")
    stale = {**pod.environment(), variable: "tok-first", **({"GH_HOST": host} if host else {})}
    env = with_fresh_gh(stale)
    pod.give_token("tok-second")

    said = subprocess.run(("gh", variable, "a b", "$x"), env=env, capture_output=True, check=True).stdout

    assert b"tok-second a b $x\n" == said


def test_gh_without_a_file_is_the_real_one(pod):
    """Nothing is put in its way."""
    pod.give_program("gh", "")

    assert pod.environment() == with_fresh_gh(pod.environment())


def test_gh_keeps_its_token_when_the_file_is_gone(pod):
    pod.give_program("gh", "import os\nprint(os.environ['GH_TOKEN'])")
    pod.give_token("tok-first")
    env = with_fresh_gh({**pod.environment(), "GH_TOKEN": "tok-first"})
    (pod.root / "token" / "GITHUB_TOKEN").unlink()

    assert b"tok-first\n" == subprocess.run("gh", env=env, capture_output=True, check=True).stdout


def test_without_the_file_the_variable_counts(host, prepared):
    env = {"KELOS_GITHUB_TOKEN_FILE": "", "GITHUB_TOKEN": "tok-env"}

    assert "tok-env" == fill(prepared, host.url("team/app"), **env)["password"]


def test_a_user_name_in_the_url_wins(tmp_path, pod):
    """Other forges want the owner of the token."""
    with GitServer(tmp_path / "forge", password="tok-forge", user="bot") as forge:
        forge.create("team/app")
        pod.give_token("tok-forge")

        assert 0 == pod.prepare(KELOS_REPO=forge.url("team/app", user="bot")).exit_code
        assert ("bot", "tok-forge") in forge.logins
        assert {"bot"} == {user for user, _ in forge.logins}


def test_helpers_of_the_user_are_not_asked(host, pod):
    """A helper of the machine would hand out somebody else's token, or block on a question."""
    (pod.home / ".gitconfig").write_text(f"[credential]\n\thelper = !touch {pod.root}/asked;\n")
    pod.give_token("wrong-token")

    pod.prepare(KELOS_REPO=host.url("team/app"))

    assert not (pod.root / "asked").exists()


def test_a_wrong_token_is_told_without_it(host, pod):
    pod.give_token("tok-wrong-4711")

    ran = pod.prepare(
        KELOS_REPO=host.url("team/app", user="bot"), KELOS_GIT_LOGIN_FROM="git-token", KELOS_WORKSPACE="app"
    )

    assert (83, Reason.CLONE_FAILED) == (ran.exit_code, ran.outcome.reason)
    assert f"Repository 'http://{host.host}/team/app.git' refused the credentials" in ran.outcome.message
    assert "check the Secret 'git-token' that Workspace 'app' names" in ran.outcome.message
    assert "tok-wrong" not in ran.stderr + ran.document
    assert "bot" not in ran.document


def test_a_missing_token_is_told(host, pod):
    ran = pod.prepare(KELOS_REPO=host.url("team/app"))

    assert "refused the credentials: check the Secret" in ran.outcome.message


@pytest.mark.parametrize("repo", ["git@github.com:a/b.git", "ssh://git@github.com/a/b", "git://example.com/a/b"])
def test_other_transports_have_no_helper(repo):
    """A token in clear over git:// would be everybody's."""
    assert [("credential.helper", "")] == helper_settings(repo)


@pytest.mark.parametrize(
    "said",
    [
        "git@github.com: Permission denied (publickey).",
        "Host key verification failed.",
        "",
    ],
)
@pytest.mark.parametrize("repo", ["git@github.com:acme/shop.git", "ssh://git@github.com/acme/shop"])
def test_a_repository_that_wants_an_ssh_key_says_what_to_use_instead(pod, repo, said):
    """No Secret of a Workspace holds one, so a sentence about its Secret would mislead."""
    if said:
        pod.give_program("ssh", f"import sys\nsys.exit(print({said!r}, file=sys.stderr) or 255)")
    else:
        pod.env["GIT_SSH_COMMAND"] = "no-such-program"
    pod.give_token("tok-4711")

    message = pod.prepare(KELOS_REPO=repo).outcome.message

    assert "wants an SSH key, and Tasks have none: use its https address and a token in a Secret" in message


def answered(settings, **asked):
    done = subprocess.run(
        ("git", *as_arguments(settings), "credential", "fill"),
        input="".join(f"{name}={value}\n" for name, value in asked.items()).encode() + b"\n",
        env={"PATH": os.environ["PATH"], "GIT_TERMINAL_PROMPT": "0", "GITHUB_TOKEN": "tok-env", "HOME": "/nonexistent"},
        capture_output=True,
        timeout=120,
    )
    return dict(line.split("=", 1) for line in done.stdout.decode().splitlines())


@pytest.mark.parametrize(
    ("repo", "host"),
    [
        ("https://GitHub.com/a/b", "GitHub.com"),
        ("https://github.com/a/b", "github.com"),
        ("https://ghe.example:8443/a/b", "ghe.example:8443"),
        ("https://u@ghe.example:443/a/b", "ghe.example:443"),
        ("https://u@ghe.example:443/a/b", "ghe.example"),
    ],
)
def test_a_host_is_known_however_it_is_spelled(repo, host):
    assert "tok-env" == answered(helper_settings(repo), protocol="https", host=host, username="x")["password"]


def test_a_token_file_with_quotes_in_its_path_is_data(tmp_path):
    """Paths become words of a shell here."""
    path = tmp_path / "it's; $(touch pwned)"
    path.write_text("tok-file\n")

    settings = helper_settings("https://github.com/a/b", str(path))

    assert "tok-file" == answered(settings, protocol="https", host="github.com", username="x")["password"]
