"""What the controller checks because no schema can; each mistake is one sentence that names the thing."""

from __future__ import annotations

import pytest

from kelos.api.codec import parse_agent_config, parse_task, parse_workspace
from kelos.api.names import PROMPT_LIMIT_BYTES
from kelos.api.validate import check_agent_config, check_prompt, check_task, check_workspace, path_mistake


def task_mistakes(**spec):
    return check_task(parse_task({"metadata": {"name": "fix"}, "spec": {"prompt": "x", **spec}}))


def workspace_mistakes(**spec):
    return check_workspace(parse_workspace({"metadata": {"name": "w"}, "spec": {"repo": "https://x/y", **spec}}))


def config_mistakes(**spec):
    return check_agent_config(parse_agent_config({"metadata": {"name": "a"}, "spec": spec}))


def server_mistakes(**server):
    return config_mistakes(mcpServers=[{"name": "m", "type": "stdio", "command": "x", **server}])


def test_a_good_task_has_no_mistakes():
    """An empty tuple is the sign to go on."""
    overrides = {"extraContainers": [{"name": "db"}], "volumes": [{"name": "cache"}]}

    assert () == task_mistakes(branch="feature/x", dependsOn=["a"], podOverrides=overrides, podFailurePolicy={})
    assert () == task_mistakes(baseRef="refs/pull/7/head", workspaceRef={"name": "repo"})


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"branch": "a..b"}, "branch 'a..b' is not a name git accepts"),
        ({"branch": "--upload-pack=id"}, "branch '--upload-pack=id' is not a name git accepts"),
        ({"baseRef": "-x", "workspaceRef": {"name": "repo"}}, "baseRef '-x' is not a name git accepts"),
        ({"baseRef": "v1"}, "baseRef may not be set without a Workspace: set 'workspaceRef'"),
        ({"dependsOn": ["fix"]}, "dependsOn must not name the Task itself ('fix')"),
        ({"workerPoolRef": {"name": "p"}}, "worker pools are not supported here: workerPoolRef may not be set"),
        (
            {"podFailurePolicy": {"rules": [{"action": "FailIndex"}]}},
            "podFailurePolicy must not use action 'FailIndex': a Task is not an indexed Job",
        ),
        (
            {"podOverrides": {"extraContainers": [{"name": "a"}], "extraInitContainers": [{"name": "a"}]}},
            "container name 'a' is used twice",
        ),
        ({"podOverrides": {"extraContainers": [{}]}}, "container name '' must not be empty"),
        (
            {"podOverrides": {"extraContainers": [{"name": "once", "restartPolicy": "Never"}]}},
            "extraContainers 'once': restartPolicy may not be set, what shall end belongs into extraInitContainers",
        ),
        (
            {"podOverrides": {"volumeMounts": [{"name": "v", "mountPath": "/kelos/inputs"}]}},
            "volumeMounts path '/kelos/inputs' must not be over '/kelos', which the agent needs",
        ),
        (
            {"podOverrides": {"volumeMounts": [{"name": "v", "mountPath": "//"}]}},
            "volumeMounts path '//' must not be over '/kelos', which the agent needs",
        ),
        (
            {
                "workspaceRef": {"name": "repo"},
                "podOverrides": {"volumeMounts": [{"name": "v", "mountPath": "/workspace/repo/"}]},
            },
            "volumeMounts path '/workspace/repo/' must not be over '/workspace/repo', which the agent needs",
        ),
        ({"podOverrides": {"volumes": [{"name": "v"}, {"name": "v"}]}}, "volume name 'v' is used twice"),
        (
            {"podOverrides": {"volumes": [{"name": "kelos-home"}]}},
            "volume name 'kelos-home' must not be 'workspace' or start with 'kelos-'",
        ),
        (
            {"worker": {"podOverrides": {"volumes": [{"name": "workspace"}]}}},
            "volume name 'workspace' must not be 'workspace' or start with 'kelos-'",
        ),
    ],
)
def test_a_task_is_told_its_mistake(spec, sentence):
    """It ends as InvalidSpec with this sentence instead of a Job that cannot start."""
    assert (sentence,) == task_mistakes(**spec)


@pytest.mark.parametrize("path", ["/workspace/repo/node_modules", "/workspace/cache", "/kelos-tools", "/dev/shm"])
def test_there_is_room_for_mounts_of_ones_own(path):
    mounts = {"volumeMounts": [{"name": "v", "mountPath": path}]}

    assert () == task_mistakes(workspaceRef={"name": "repo"}, podOverrides=mounts)


def test_without_a_workspace_its_folder_is_free():
    """Images of others work in /workspace, and a claim may be mounted there."""
    assert () == task_mistakes(podOverrides={"volumeMounts": [{"name": "v", "mountPath": "/workspace"}]})


def test_a_built_in_container_name_is_refused():
    """Two containers of one name would make the API server refuse the whole Job."""
    (sentence,) = task_mistakes(podOverrides={"extraInitContainers": [{"name": "git-clone"}]})

    assert sentence.startswith("container name 'git-clone' must not start with 'kelos-' or be one of git-clone, ")


def test_a_prompt_is_counted_in_bytes():
    """The schema counts characters; storage and processes count bytes."""
    assert () == check_prompt("x" * PROMPT_LIMIT_BYTES)
    (sentence,) = check_prompt("ä" * (PROMPT_LIMIT_BYTES // 2 + 1))
    assert "524290 bytes" in sentence


@pytest.mark.parametrize("prompt", ["", " \n", "a\0b"])
def test_a_prompt_that_no_agent_could_take_is_a_mistake(prompt):
    """Nothing to do, or nothing a process can be given."""
    assert 1 == len(check_prompt(prompt))


def test_a_good_workspace_has_no_mistakes():
    """Every scheme and a deep file."""
    remotes = [{"name": "upstream", "url": "git@github.com:a/b.git"}]

    assert () == workspace_mistakes(ref="v1.2.3", remotes=remotes, files=[{"path": "a/b/c.md", "content": ""}])


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"ref": "a b"}, "ref 'a b' is not a name git accepts"),
        ({"repo": "/srv/git"}, "repo must start with one of https://, http://, git://, ssh://, git@"),
        ({"repo": "https://x/y\n--z"}, "the address of repo must not contain whitespace or control characters"),
        (
            {"repo": "https://ann:hunter2@host/a/b"},
            "the address of repo must not hold a password or token: put it into a Secret and name that in secretRef",
        ),
        ({"remotes": [{"name": "origin", "url": "https://x"}]}, "remote name 'origin' must not be 'origin'"),
        ({"remotes": [{"name": "-x", "url": "https://x"}]}, "remote name '-x' is not a name git accepts"),
        ({"remotes": [{"name": "a", "url": "https://x"}] * 2}, "remote name 'a' is used twice"),
        ({"files": [{"path": "../x", "content": ""}]}, "file path '../x' must not lead out of the checkout"),
    ],
)
def test_a_workspace_is_told_its_mistake(spec, sentence):
    """Before git sees any of it."""
    assert (sentence,) == workspace_mistakes(**spec)


@pytest.mark.parametrize("path", ["a", "a/b", "./a", "a/../b", "a//b", ".github/x.yml", "a/b/..", "..a"])
def test_a_path_inside_the_checkout_is_fine(path):
    """As it stands after normalising."""
    assert path_mistake(path) is None


@pytest.mark.parametrize(
    ("path", "mistake"),
    [
        ("", "must not be blank"),
        ("  ", "must not be blank"),
        ("/etc/passwd", "must be relative"),
        ("a\\b", "must not contain a backslash or NUL"),
        ("a\0", "must not contain a backslash or NUL"),
        (".", "must name a file"),
        ("a/..", "must name a file"),
        ("..", "must not lead out of the checkout"),
        ("a/../../b", "must not lead out of the checkout"),
        ("../repo/a", "must not lead out of the checkout"),
    ],
)
def test_a_path_that_leads_elsewhere_is_a_mistake(path, mistake):
    """A file of a Workspace never overwrites anything outside the checkout, not even for a moment on the way."""
    assert mistake == path_mistake(path)


def test_a_good_agent_config_has_no_mistakes():
    """Both shapes of an MCP environment."""
    reference = {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}
    plugin = {"name": "p", "skills": [{"name": "s", "content": ""}], "agents": [{"name": "a", "content": ""}]}
    listed = {
        "name": "l",
        "type": "stdio",
        "command": "x",
        "env": [{"name": "A"}, {"name": "B", "valueFrom": reference}],
    }
    mapped = {"name": "m", "type": "stdio", "command": "x", "env": {"A": "b"}}

    assert () == config_mistakes(plugins=[plugin], mcpServers=[listed, mapped])


@pytest.mark.parametrize("name", ["a/b", "a\\b", ".", "..", "..team"])
def test_a_plugin_name_is_no_path(name):
    """It becomes a folder in the pod."""
    (sentence,) = config_mistakes(plugins=[{"name": name}])

    assert f"plugin name '{name}' must not be '.', begin with '..' or contain '/', a backslash or NUL" == sentence


def test_names_inside_a_plugin_are_checked_too():
    """Skills and agents become files."""
    bad = [{"name": "../x", "content": ""}]

    sentences = config_mistakes(plugins=[{"name": "p", "skills": bad, "agents": bad}])

    assert ["skill name", "agent name"] == [sentence[:10] for sentence in sentences]


def test_the_plugin_of_packages_is_taken():
    """Only while packages are asked for."""
    plugin = {"name": "skills-sh"}

    assert () == config_mistakes(plugins=[plugin])
    assert 1 == len(config_mistakes(plugins=[plugin], skills=[{"source": "a/b"}]))


def test_one_server_name_is_used_once():
    """The second would silently replace the first."""
    server = {"name": "m", "type": "stdio", "command": "x"}

    assert ("MCP server name 'm' is used twice",) == config_mistakes(mcpServers=[server, server])


@pytest.mark.parametrize(
    ("server", "sentence"),
    [
        ({"command": None}, "MCP server 'm': command must be set when type is 'stdio'"),
        ({"type": "sse"}, "MCP server 'm': url must be set when type is 'sse'"),
        ({"env": "A=b"}, "MCP server 'm': env must be a map of strings or a list of variables"),
        ({"env": {"A": 1}}, "MCP server 'm': env 'A' must be a string"),
        ({"env": {"A=B": "c"}}, "MCP server 'm': env 'A=...' must not be empty or contain '=' or NUL"),
        ({"env": ["A"]}, "MCP server 'm': env [0] must be an object with a name"),
        ({"env": [{"name": "A", "value": 1}]}, "MCP server 'm': env 'A' must have a string as value"),
        (
            {"env": [{"name": "A", "value": "b", "valueFrom": {}}]},
            "MCP server 'm': env 'A' may not have both value and valueFrom",
        ),
    ],
)
def test_a_server_is_told_its_mistake(server, sentence):
    """The schema lets any environment through, because the two versions have different ones."""
    assert (sentence,) == server_mistakes(**server)


@pytest.mark.parametrize(
    "source",
    [
        {},
        "secret",
        {"fieldRef": {"fieldPath": "metadata.name"}},
        {"secretKeyRef": {"name": "s"}},
        {"secretKeyRef": {"name": "", "key": "k"}},
        {"secretKeyRef": {"name": "s", "key": "../../github-token/GITHUB_TOKEN"}},
        {"configMapKeyRef": {"name": "..", "key": "k"}},
        {"secretKeyRef": {"name": "s", "key": "k"}, "configMapKeyRef": {"name": "c", "key": "k"}},
    ],
)
def test_a_variable_comes_from_one_place(source):
    """Anything else could not be resolved, or only in the pod, where secrets would be seen."""
    (sentence,) = server_mistakes(env=[{"name": "A", "valueFrom": source}])

    assert sentence.endswith("env 'A' must have one valueFrom, secretKeyRef or configMapKeyRef, with name and key")


@pytest.mark.parametrize(
    "address",
    [
        "https://ann:hunter2@host/a/b",
        "http://:hunter2@host/a/b",
        "ssh://git:hunter2@host/a/b",
        "git://x:hunter2@host/a/b",
        "https://ghp_hunter2@github.com/a/b",
        "https://github_pat_hunter2@github.com/a/b",
        "https://ghs_hunter2@github.com/a/b",
        "https://glpat-hunter2@gitlab.com/a/b",
        f"https://{'0123456789' * 4}@github.com/a/b",
    ],
)
@pytest.mark.parametrize("where", ["repo", "remotes"])
def test_no_address_holds_a_secret(where, address):
    """It would stand in argument lists, in the checkout and in what git says; the sentence does not repeat it."""
    given = {"repo": address} if where == "repo" else {"remotes": [{"name": "up", "url": address}]}

    (sentence,) = workspace_mistakes(**given)

    assert "must not hold a password or token" in sentence
    assert ("hunter2" in sentence, "0123456789" in sentence) == (False, False)


def test_a_secret_never_stands_in_a_sentence():
    """Sentences go into status and events."""
    for env in ({"A": ["hush"]}, {"A=hush": ""}, ["A=hush"], [{"name": "A=hush"}], [{"name": "A", "value": ["hush"]}]):
        assert "hush" not in " ".join(server_mistakes(env=env))


@pytest.mark.parametrize(
    "repo",
    [
        "https://ann@host/a/b",
        "ssh://git@host:22/a/b",
        "git@host:a/b",
        "git@host:a@b/c:d",
        "https://host:8443/a@b/c:d",
        "https://user-at-123456789012@git.host/a",
    ],
)
def test_an_address_without_a_password_is_welcome(repo):
    """The user's name belongs to some forges' addresses."""
    assert () == workspace_mistakes(repo=repo)
