"""What a Task becomes in the cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest

import make
from kelos.api import names
from kelos.api.codec import parse_agent_config
from kelos.api.kinds import Manifest
from kelos.errors import UserError
from kelos.pods.instructions import merge
from kelos.pods.job import Built, build_job
from kelos.pods.request import JobRequest
from kelos.settings import AGENT_TYPES, Settings


def build(task: Any = None, **facts: Any) -> Built:
    task = task or make.task()
    prompt = facts.pop("prompt", task.spec.prompt)
    return build_job(JobRequest(task=task, prompt=prompt, settings=Settings(), **facts))


def pod_of(built: Built) -> Manifest:
    spec: Manifest = built.job["spec"]["template"]["spec"]
    return spec


def agent_of(built: Built) -> Manifest:
    (container,) = pod_of(built)["containers"]
    return dict(container)


def prepare_of(built: Built) -> Manifest:
    (found,) = [c for c in pod_of(built)["initContainers"] if c["name"] == "git-clone"]
    return dict(found)


def env_of(container: Manifest) -> dict[str, Any]:
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}


def volume_of(built: Built, name: str) -> Manifest:
    return next(v for v in pod_of(built)["volumes"] if v["name"] == name)


class TestEveryContainer:
    """Admitted under Pod Security "restricted", whoever asked for it."""

    def containers(self) -> list[Manifest]:
        overrides = {
            "extraContainers": [{"name": "db", "image": "postgres"}],
            "extraInitContainers": [{"name": "warm", "image": "busybox"}],
        }
        task = make.task(workspaceRef={"name": "repo"}, podOverrides=overrides)
        pod = pod_of(build(task, workspace=make.workspace()))
        return [*pod["initContainers"], *pod["containers"]]

    def test_runs_without_privileges(self):
        for container in self.containers():
            context = container["securityContext"]
            assert context["runAsNonRoot"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert {"drop": ["ALL"]} == context["capabilities"]
            assert {"type": "RuntimeDefault"} == context["seccompProfile"]

    def test_side_containers_never_keep_the_pod_alive(self):
        """A database next to the agent would otherwise keep a finished Task running for ever."""
        sidecar = next(c for c in self.containers() if c["name"] == "db")

        assert "Always" == sidecar["restartPolicy"]


def test_no_service_account_token_is_mounted_unless_an_account_is_named():
    named = make.task(podOverrides={"serviceAccountName": "builder"})

    assert pod_of(build())["automountServiceAccountToken"] is False
    assert pod_of(build(named))["automountServiceAccountToken"] is True


@pytest.mark.parametrize("prompt", ["$(ANTHROPIC_API_KEY)", "costs $5", "$$", "`id` $(id) EOF '\"", "é\n\tx"])
def test_nothing_in_a_prompt_is_expanded_by_kubernetes(prompt):
    """`$(NAME)` in an argument would otherwise become the Secret's value."""
    (argument,) = agent_of(build(prompt=prompt))["args"]

    assert prompt.replace("$", "$$") == argument
    assert prompt == build(prompt=prompt).job["spec"]["template"]["metadata"]["annotations"][names.ANNOTATION_PROMPT]


def test_a_long_prompt_travels_by_file_only():
    """The kernel refuses arguments over 128 KiB, and annotations have a limit of their own."""
    prompt = "x" * (96 * 1024 + 1)

    built = build(prompt=prompt)

    assert len(json.dumps(built.job)) < 20_000
    assert names.PATH_PROMPT in agent_of(built)["args"][0]
    assert built.inputs is not None
    assert [prompt] == list(built.inputs["stringData"].values())
    assert "secret" in volume_of(built, names.VOLUME_PROMPT)


def test_a_short_prompt_needs_no_second_object():
    """Every object costs a write and must be cleaned up."""
    built = build()

    assert built.inputs is None
    assert "downwardAPI" in volume_of(built, names.VOLUME_PROMPT)


def test_the_pod_holds_its_outcome_until_it_was_read():
    assert [names.FINALIZER_OUTCOME] == build().job["spec"]["template"]["metadata"]["finalizers"]


class TestWorkspace:
    def task(self, **spec: Any) -> Any:
        return make.task(workspaceRef={"name": "repo"}, **spec)

    def test_one_container_prepares_the_checkout(self):
        workspace = make.workspace(ref="main", remotes=[{"name": "up", "url": "https://github.com/a/b"}])
        built = build(self.task(branch="feature"), workspace=workspace)
        (prepare,) = pod_of(built)["initContainers"]

        assert "git-clone" == prepare["name"]
        env = env_of(prepare)
        assert ("https://github.com/acme/shop.git", "main", "feature") == (
            env["KELOS_REPO"],
            env["KELOS_REF"],
            env["KELOS_BRANCH"],
        )
        assert "/workspace/repo" == agent_of(built)["workingDir"]

    def test_the_token_is_a_mounted_file_and_a_reference_never_a_value(self):
        workspace = make.workspace(secretRef={"name": "git"})
        built = build(self.task(), workspace=workspace)

        reference = {"secretKeyRef": {"name": "git", "key": "GITHUB_TOKEN"}}
        env = env_of(agent_of(built))
        assert (reference, reference) == (env["GITHUB_TOKEN"], env["GH_TOKEN"])
        assert names.PATH_TOKEN == env["KELOS_GITHUB_TOKEN_FILE"]
        assert "git" == volume_of(built, names.VOLUME_TOKEN)["secret"]["secretName"]

    @pytest.mark.parametrize(
        ("repo", "host"),
        [
            ("https://git.example.com:8443/a/b.c.git", "git.example.com:8443"),
            ("ssh://git@git.example.com:2222/a/b", "git.example.com"),
            ("git@git.example.com:a/b", "git.example.com"),
            ("https://bot@git.example.com/a/b/", "git.example.com"),
        ],
    )
    def test_another_host_than_github_com_is_told_to_gh(self, repo, host):
        """Where it answers HTTP: gh speaks nothing else."""
        workspace = make.workspace(repo=repo, secretRef={"name": "git"})
        env = env_of(agent_of(build(self.task(), workspace=workspace)))

        assert host == env["GH_HOST"]
        assert ("GH_ENTERPRISE_TOKEN" in env, "GH_TOKEN" in env) == (True, False)

    def test_a_host_that_github_runs_takes_the_plain_token(self):
        """That is the variable `gh` reads for it."""
        workspace = make.workspace(repo="https://acme.ghe.com/a/b", secretRef={"name": "git"})
        env = env_of(agent_of(build(self.task(), workspace=workspace)))

        assert ("acme.ghe.com", True, False) == (env["GH_HOST"], "GH_TOKEN" in env, "GH_ENTERPRISE_TOKEN" in env)

    def test_workspace_files_are_mounted_not_written_into_the_pod(self):
        workspace = make.workspace(files=[{"path": "a/b.md", "content": "hello"}])
        built = build(self.task(), workspace=workspace)

        assert built.inputs is not None
        assert ["hello"] == list(built.inputs["stringData"].values())
        assert "hello" not in json.dumps(built.job)
        (item,) = volume_of(built, names.VOLUME_INPUTS)["secret"]["items"]
        assert "files/a/b.md" == item["path"]

    def test_a_persistent_workspace_lives_on_the_claim_of_its_name(self):
        built = build(self.task(), workspace=make.workspace(persistent=True))

        assert {"claimName": "repo"} == volume_of(built, "workspace")["persistentVolumeClaim"]

    @pytest.mark.parametrize(("persistent", "tidied"), [(True, "/workspace"), (False, None)])
    def test_only_a_persistent_workspace_is_tidied_up(self, persistent, tidied):
        """Nobody was in any other before."""
        built = build(self.task(), workspace=make.workspace(persistent=persistent))

        assert tidied == env_of(prepare_of(built)).get("KELOS_TIDY_DIR")

    @pytest.mark.parametrize(
        ("spec", "variables"),
        [
            ({"ref": "v1"}, {"KELOS_REF": "v1"}),
            ({"submodules": True}, {"KELOS_SUBMODULES": "1", "KELOS_LFS": None}),
            ({"lfs": True}, {"KELOS_LFS": "1", "KELOS_SUBMODULES": None}),
            (
                {"gitUser": {"name": "Ada", "email": "ada@example.com"}},
                {"KELOS_GIT_USER_NAME": "Ada", "KELOS_GIT_USER_EMAIL": "ada@example.com"},
            ),
            (
                {"remotes": [{"name": "upstream", "url": "https://github.com/up/shop"}]},
                {"KELOS_REMOTES": '[{"name": "upstream", "url": "https://github.com/up/shop"}]'},
            ),
        ],
        ids=["ref", "submodules", "lfs", "gitUser", "remotes"],
    )
    def test_every_option_reaches_the_preparing_container(self, spec, variables):
        env = env_of(prepare_of(build(self.task(), workspace=make.workspace(**spec))))

        assert variables == {name: env.get(name) for name in variables}

    @pytest.mark.parametrize(
        ("base", "ref", "start", "whose", "branch"),
        [
            (None, None, None, None, None),
            (None, "main", "main", None, "main"),
            ("", "main", "main", None, "main"),
            ("v1", None, "v1", "Task", "v1"),
            ("release", "main", "release", "Task", "release"),
            ("refs/heads/release", "main", "refs/heads/release", "Task", "release"),
        ],
    )
    def test_the_base_of_the_task_goes_before_the_ref_of_the_workspace(self, base, ref, start, whose, branch):
        """The agent is told the same base that the checkout starts at; a branch by its short name."""
        task = make.task(workspaceRef={"name": "repo"}, baseRef=base)
        built = build(task, workspace=make.workspace(ref=ref))

        env = env_of(prepare_of(built))
        assert (start, whose) == (env.get("KELOS_REF"), env.get("KELOS_REF_FROM"))
        assert branch == env_of(agent_of(built)).get("KELOS_BASE_BRANCH")

    def test_the_upstream_remote_is_told_to_the_agent_without_its_user(self):
        remotes = [{"name": "upstream", "url": "https://bot@github.com/up/shop.git"}]
        env = env_of(agent_of(build(self.task(), workspace=make.workspace(remotes=remotes))))

        assert "up/shop" == env["KELOS_UPSTREAM_REPO"]

    def test_the_setup_command_goes_word_by_word(self):
        """No shell reads it."""
        env = env_of(agent_of(build(self.task(), workspace=make.workspace(setupCommand=["make", "a b", "$HOME"]))))

        assert '["make", "a b", "$$HOME"]' == env["KELOS_SETUP_COMMAND"]


class TestCredentials:
    @pytest.mark.parametrize(
        ("agent", "kind", "variable"),
        [
            ("claude-code", "api-key", "ANTHROPIC_API_KEY"),
            ("claude-code", "oauth", "CLAUDE_CODE_OAUTH_TOKEN"),
            ("codex", "api-key", "CODEX_API_KEY"),
            ("codex", "oauth", "CODEX_AUTH_JSON"),
            ("gemini", "api-key", "GEMINI_API_KEY"),
            ("gemini", "oauth", "GEMINI_API_KEY"),
            ("opencode", "api-key", "OPENCODE_API_KEY"),
            ("opencode", "oauth", "OPENCODE_API_KEY"),
            ("cursor", "api-key", "CURSOR_API_KEY"),
            ("cursor", "oauth", "CURSOR_API_KEY"),
        ],
    )
    def test_the_secrets_key_is_the_agents_variable(self, agent, kind, variable):
        task = make.task(type=agent, credentials={"type": kind, "secretRef": {"name": "key"}})

        reference = {"secretKeyRef": {"name": "key", "key": variable}}
        assert reference == env_of(agent_of(build(task)))[variable]

    @pytest.mark.parametrize("secret", [{}, {"secretRef": {"name": "key"}}])
    @pytest.mark.parametrize("agent", AGENT_TYPES)
    def test_none_brings_nothing_in(self, agent, secret):
        """Cloud identities come by podOverrides; a Secret that is named all the same is not read."""
        task = make.task(type=agent, credentials={"type": "none", **secret})

        assert "secretKeyRef" not in json.dumps(build(task).job)


class TestInstructions:
    def configs(self, *specs: Manifest) -> Any:
        return tuple(parse_agent_config(make.agent_config_manifest(f"c{i}", **s)) for i, s in enumerate(specs))

    def test_texts_are_joined_and_reach_the_agent_as_a_file(self):
        built = build(agent_configs=self.configs({"agentsMD": "Be brief."}, {"agentsMD": "Test."}))

        assert built.inputs is not None
        assert "Be brief.\n\nTest." in built.inputs["stringData"].values()
        assert "Be brief" not in json.dumps(built.job)

    def test_mcp_secrets_appear_in_no_object_of_ours(self):
        """Whoever may read pods must not read keys; the agent's container reads them from a mount."""
        server = {
            "name": "crm",
            "type": "http",
            "url": "https://crm.example.com",
            "headersFrom": {"secretRef": {"name": "crm-headers"}},
            "env": [{"name": "T", "valueFrom": {"secretKeyRef": {"name": "crm-env", "key": "TOKEN"}}}],
        }
        built = build(agent_configs=self.configs({"mcpServers": [server]}))

        assert built.inputs is not None
        (document,) = built.inputs["stringData"].values()
        crm = json.loads(document)["mcpServers"]["crm"]
        mounts = {m["name"]: m["mountPath"] for m in agent_of(built)["volumeMounts"]}
        assert mounts["kelos-mcp-0"] == crm["headersFrom"]
        assert {"$file": f"{mounts['kelos-mcp-1']}/TOKEN"} == crm["env"]["T"]

    def test_packages_of_skills_are_named_to_the_preparing_container_and_their_tokens_mounted(self):
        private = {"source": "acme/skills", "skill": "review", "ref": "v1", "secretRef": {"name": "token"}}
        built = build(agent_configs=self.configs({"skills": [{"source": "acme/open"}, private]}))

        (prepare,) = pod_of(built)["initContainers"]
        asked = json.loads(env_of(prepare)["KELOS_SKILLS"])
        token = asked[1].pop("tokenFile")
        assert [
            {"source": "acme/open", "skill": "", "ref": "", "tokenFile": ""},
            {"source": "acme/skills", "skill": "review", "ref": "v1"},
        ] == asked
        mounts = {mount["mountPath"]: mount["name"] for mount in prepare["volumeMounts"]}
        assert "token" == volume_of(built, mounts[token.rpartition("/")[0]])["secret"]["secretName"]
        assert [] == [m for m in agent_of(built)["volumeMounts"] if "skill-token" in m["mountPath"]]

    def test_no_value_of_a_server_is_in_the_job(self):
        """Whatever people take for a secret, they may have written it down in the AgentConfig."""
        servers = [
            {
                "name": "web",
                "type": "http",
                "url": "https://x",
                "headers": {"Authorization": "Bearer hush-1"},
                "headersFrom": {"secretRef": {"name": "headers"}},
            },
            {
                "name": "tool",
                "type": "stdio",
                "command": "t",
                "args": ["--key=hush-2"],
                "env": [
                    {"name": "A", "value": "hush-3"},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
                ],
                "envFrom": {"secretRef": {"name": "values"}},
            },
            {"name": "old", "type": "sse", "url": "https://hush-4@x"},
        ]
        package = {"source": "acme/skills", "secretRef": {"name": "skills-token"}}
        config = {"agentsMD": "hush-5", "mcpServers": servers, "skills": [package]}

        built = build(agent_configs=self.configs(config))

        assert "hush" not in json.dumps(built.job)
        assert built.inputs is not None
        assert {1, 2, 3, 4, 5} == {n for n in range(1, 9) if f"hush-{n}" in json.dumps(built.inputs["stringData"])}

    def test_later_configs_follow_and_a_server_of_the_same_name_takes_the_earlier_ones_place(self):
        """Place and all: what an agent lists first stays first."""

        def server(name: str, command: str) -> Manifest:
            return {"name": name, "type": "stdio", "command": command}

        def plugin(name: str) -> Manifest:
            return {"name": name, "skills": [{"name": "s", "content": name}]}

        first = {
            "agentsMD": "One.",
            "plugins": [plugin("p1")],
            "skills": [{"source": "a/one"}],
            "mcpServers": [{**server("x", "old"), "env": {"A": "1"}}, server("y", "y")],
        }
        second = {
            "agentsMD": "Two.",
            "plugins": [plugin("p2")],
            "skills": [{"source": "a/two"}],
            "mcpServers": [server("z", "z"), server("x", "new")],
        }

        merged = merge(self.configs(first, {}, second))

        assert "One.\n\nTwo." == merged.agents_md
        assert ["p1", "p2"] == [plugin.name for plugin in merged.plugins]
        assert ["a/one", "a/two"] == [skill.source for skill in merged.skills]
        assert ["x", "y", "z"] == [server.name for server in merged.mcp_servers]
        assert ("new", None) == (merged.mcp_servers[0].command, merged.mcp_servers[0].env)

    @pytest.mark.parametrize(("others", "is_optional"), [((), True), (({"name": "B"},), False)])
    def test_an_optional_value_keeps_no_pod_from_starting(self, others, is_optional):
        """Unless somebody else needs the same Secret."""

        def entry(name: str, **options: Any) -> Manifest:
            return {"name": name, "valueFrom": {"secretKeyRef": {"name": "crm-env", "key": name, **options}}}

        env = [entry("A", optional=True), *(entry(other["name"]) for other in others)]
        server = {"name": "crm", "type": "stdio", "command": "crm", "env": env}

        built = build(agent_configs=self.configs({"mcpServers": [server]}))

        (secret,) = [v["secret"] for v in pod_of(built)["volumes"] if v["name"] == "kelos-mcp-0"]
        assert is_optional == secret.get("optional", False)

    def test_two_plugins_that_disagree_about_a_file_are_refused(self):
        def plugin(content: str) -> Manifest:
            return {"plugins": [{"name": "p", "skills": [{"name": "s", "content": content}]}]}

        with pytest.raises(UserError, match=r"p/skills/s/SKILL\.md"):
            build(agent_configs=self.configs(plugin("a"), plugin("b")))


@pytest.mark.parametrize(("extras", "limit"), [(0, None), (1, None), (2, "3072"), (8, "1228")])
def test_many_containers_leave_less_room_for_the_outcome(extras, limit):
    """The kubelet keeps 12 KiB of messages for the whole pod and cuts each after its even share."""
    containers = [{"name": f"c{number}", "image": "x"} for number in range(extras)]
    built = build(make.task(podOverrides={"extraContainers": containers}), workspace=make.workspace())

    for container in (agent_of(built), pod_of(built)["initContainers"][0]):
        assert limit == env_of(container).get(names.ENV_TERMINATION_LIMIT)


class TestRetries:
    def rules(self, **spec: Any) -> list[Manifest]:
        found: list[Manifest] = build(make.task(**spec)).job["spec"]["podFailurePolicy"]["rules"]
        return found

    def test_disruptions_are_free(self):
        assert "Ignore" == self.rules()[0]["action"]

    def test_an_agents_error_is_not_repeated_unless_asked_for(self):
        once, again = self.rules()[-1], self.rules(retries=2)[-1]

        assert ("FailJob", "NotIn", [0]) == (
            once["action"],
            once["onExitCodes"]["operator"],
            once["onExitCodes"]["values"],
        )
        assert "In" == again["onExitCodes"]["operator"]

    def test_what_cannot_get_better_is_never_repeated(self):
        """Rejected credentials stay rejected."""
        assert 86 in self.rules(retries=2)[-1]["onExitCodes"]["values"]

    def test_only_the_ends_that_are_named_are_repeated(self):
        """A rate limit passes; an agent that was cut off may be cut off again."""
        values = self.rules(retries=2, retryOn=["RateLimited"])[-1]["onExitCodes"]["values"]

        assert [True, True, False] == [code in values for code in (80, 81, 85)]

    def test_the_tasks_own_policy_replaces_ours(self):
        policy = {"rules": [{"action": "Count", "onExitCodes": {"operator": "In", "values": [7]}}]}

        assert policy["rules"] == self.rules(podFailurePolicy=policy)


class TestDeadlines:
    def test_the_jobs_deadline_is_a_backstop_behind_the_runners(self):
        built = build(make.task(timeoutSeconds=100, startTimeoutSeconds=30))

        assert "100" == env_of(agent_of(built))["KELOS_TIMEOUT_SECONDS"]
        assert 100 + 30 + 60 == built.job["spec"]["activeDeadlineSeconds"]

    def test_the_older_deadline_goes_to_the_job_as_before(self):
        built = build(make.task(podOverrides={"activeDeadlineSeconds": 1800}))

        assert 1800 == built.job["spec"]["activeDeadlineSeconds"]


class TestOverrides:
    def test_our_variables_win_and_the_rest_is_added(self):
        env = [{"name": "KELOS_AGENT_TYPE", "value": "x"}, {"name": "EXTRA", "value": "$(HOME)"}]
        found = env_of(agent_of(build(make.task(podOverrides={"env": env}))))

        assert ("demo", "$(HOME)") == (found["KELOS_AGENT_TYPE"], found["EXTRA"])

    def test_labels_of_ours_are_not_theirs_to_set(self):
        """A pod that claims a branch lock would keep everybody else from the branch."""
        labels = {names.LABEL_BRANCH_LOCK: "0123", names.LABEL_TASK_UID: "another", "team": "shop"}
        built = build(make.task(podOverrides={"labels": labels}))

        found = built.job["spec"]["template"]["metadata"]["labels"]
        assert (None, "shop") == (found.get(names.LABEL_BRANCH_LOCK), found["team"])
        assert "another" != found[names.LABEL_TASK_UID]

    def test_a_long_name_fits_its_job_and_label(self):
        task = make.task("a" * 100)
        built = build(task)

        assert len(built.job["metadata"]["name"]) <= 63
        assert len(built.job["metadata"]["labels"][names.LABEL_TASK]) <= 63
        assert "a" * 100 == built.job["metadata"]["annotations"][names.LABEL_TASK]


@pytest.mark.parametrize(("repeats", "action"), [(True, "Ignore"), (False, "FailJob")])
def test_a_lost_pod_is_replaced_only_where_there_are_other_nodes(repeats, action):
    """On one machine a lost pod means that everything was lost: nothing runs a second time unasked."""
    settings = Settings(repeats_disrupted=repeats)
    task = make.task()
    job = build_job(JobRequest(task=task, prompt=task.spec.prompt, settings=settings)).job
    first, *_ = job["spec"]["podFailurePolicy"]["rules"]

    assert (action, "DisruptionTarget") == (first["action"], first["onPodConditions"][0]["type"])
