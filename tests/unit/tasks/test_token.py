"""When a Task of a GitHub App gets a token, when another one, and what people see when there is none."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

import make
from kelos.api.kinds import JOB, SECRET, Manifest
from kelos.errors import TokenUnavailable
from kelos.plan import Create, Mint, Plan, Tell
from kelos.tasks.blockers import awaited
from kelos.tasks.held.token import RENEW_BEFORE_SECONDS, SPREAD_SECONDS, plan_renewal_failed, renewal_at
from kelos.tasks.plan import plan
from kelos.tasks.start import plan_no_token
from kelos.tasks.view import TaskView, Token
from planning import jobs_of, kinds_of, status_of

APP = frozenset({"appID", "installationID", "privateKey"})
ADDRESS = "https://github.com/acme/shop"
HOUR = timedelta(hours=1)


def token(age: timedelta = timedelta(), **facts: Any) -> Token:
    minted = make.NOW - age
    known = {"owner_uid": "uid-fix-bug", "repository": ADDRESS, "minted_at": minted, "expires_at": minted + HOUR}
    return Token(**{**known, **facts})


def starting(repo: str = "https://github.com/acme/shop.git", keys: frozenset[str] = APP, **facts: Any) -> TaskView:
    task = facts.pop("task", make.task(workspaceRef={"name": "repo"}))
    workspace = make.workspace(repo=repo, secretRef={"name": "app"})
    return make.view(task, workspace=workspace, secrets={"app": keys}, **facts)


def running(**facts: Any) -> TaskView:
    status = {"phase": "Running", "jobName": "fix-bug", "startTime": "2026-02-07T08:00:00Z"}
    job = make.job(app_secret="app", token_repository=ADDRESS)
    return make.view(make.task(status=status), **{"job": job, "pods": (make.running_pod(),), **facts})


def mints(decided: Plan) -> list[Mint]:
    return [step for step in decided.steps if isinstance(step, Mint)]


def job_of(decided: Plan) -> Manifest:
    (job,) = [step.manifest for step in decided.steps if isinstance(step, Create) and step.kind is JOB]
    return job


class TestStart:
    def test_the_token_comes_before_anything_else(self):
        """Then the next pass starts the Job with it; a crash between the two costs one more token."""
        decided = plan(starting())

        assert (["Mint"], 0.0) == (kinds_of(decided), decided.again_in_seconds)

    def test_a_pod_of_ones_own_form_is_tried_before_its_token_is_minted_and_not_again(self):
        """A token for a pod that can never be is one too many."""
        overrides = {"env": [{"name": "A", "value": "1"}]}
        task = make.task(workspaceRef={"name": "repo"}, podOverrides=overrides)

        before, after = plan(starting(task=task)), plan(starting(task=task, token=token()))

        assert ["Try", "Mint"] == kinds_of(before)
        assert "Try" not in kinds_of(after)

    def test_it_is_asked_for_one_repository_of_the_right_github(self):
        (step,) = mints(plan(starting()))

        assert ("app", "https://api.github.com", "shop") == (step.app_secret, step.api_url, step.repository)
        assert "uid-fix-bug" == step.secret["metadata"]["ownerReferences"][0]["uid"]
        assert "data" not in step.secret

    @pytest.mark.parametrize(
        ("repo", "api"),
        [
            ("https://git.example.com/acme/shop", "https://git.example.com/api/v3"),
            ("https://git.example.com:8443/acme/shop", "https://git.example.com:8443/api/v3"),
            ("ssh://git@git.example.com:2222/acme/shop", "https://git.example.com/api/v3"),
            ("git@git.example.com:acme/shop.git", "https://git.example.com/api/v3"),
            ("https://acme.ghe.com/acme/shop", "https://api.acme.ghe.com"),
            ("http://localhost:3000/acme/shop", "http://localhost:3000/api/v3"),
            ("https://bot@GitHub.com/acme/shop/", "https://api.github.com"),
        ],
    )
    def test_the_api_is_where_the_repository_is(self, repo, api):
        """Enterprise hosts have it below their own address."""
        (step,) = mints(plan(starting(repo)))

        assert (api, "shop") == (step.api_url, step.repository)

    def test_with_a_fresh_token_the_job_mounts_the_tasks_own_secret(self):
        """The same file and variables as with a token of the Workspace's own."""
        job = job_of(plan(starting(token=token())))

        spec = job["spec"]["template"]["spec"]
        (volume,) = [v for v in spec["volumes"] if v["name"] == "kelos-github-token"]
        env = {entry["name"]: entry for entry in spec["containers"][0]["env"]}
        assert "fix-bug-github-token" == volume["secret"]["secretName"]
        assert "fix-bug-github-token" == env["GITHUB_TOKEN"]["valueFrom"]["secretKeyRef"]["name"]
        assert "/kelos/github-token/GITHUB_TOKEN" == env["KELOS_GITHUB_TOKEN_FILE"]["value"]

    def test_the_mounted_token_can_be_renewed(self):
        """The kubelet renews folders, not single files of one."""
        spec = job_of(plan(starting(token=token())))["spec"]["template"]["spec"]

        mounts = [m for c in (*spec["initContainers"], *spec["containers"]) for m in c["volumeMounts"]]
        paths = [(m["mountPath"], m.get("subPath")) for m in mounts if m["name"] == "kelos-github-token"]
        assert [("/kelos/github-token", None)] * 2 == paths

    def test_the_job_says_how_to_renew_whatever_becomes_of_the_workspace(self):
        annotations = job_of(plan(starting("https://bot@github.com/acme/shop.git", token=token())))["metadata"]

        assert "app" == annotations["annotations"]["kelos.dev/github-app-secret"]
        assert ADDRESS == annotations["annotations"]["kelos.dev/token-repository"]

    def test_the_apps_own_secret_reaches_no_pod(self):
        """The key never leaves the controller."""
        template = json.dumps(job_of(plan(starting(token=token())))["spec"])

        assert ('"secretName": "app"' in template, '"name": "app", "key"' in template) == (False, False)

    def test_an_app_goes_before_a_token_beside_it(self):
        assert 1 == len(mints(plan(starting(keys=APP | {"GITHUB_TOKEN"}))))

    @pytest.mark.parametrize(
        "old",
        [
            token(timedelta(minutes=52)),
            token(repository="https://github.com/acme/other"),
            token(owner_uid="uid-of-an-earlier-task"),
            token(expires_at=None),
            token(minted_at=None),
        ],
        ids=["about to expire", "another repository", "another Task's", "no end", "no beginning"],
    )
    def test_a_token_that_will_not_do_is_replaced(self, old):
        decided = plan(starting(token=old))

        assert ([], 1) == (jobs_of(decided), len(mints(decided)))

    def test_a_token_that_github_gives_for_a_moment_only_is_used(self):
        """Clocks that disagree must not make pass after pass ask for another one."""
        brief = token(timedelta(seconds=5), expires_at=make.NOW - timedelta(seconds=1))

        assert ["fix-bug"] == jobs_of(plan(starting(token=brief)))

    def test_nobody_mints_while_something_else_is_in_the_way(self):
        """It would expire meanwhile."""
        task = make.task(workspaceRef={"name": "repo"}, dependsOn=["a"])

        assert [] == mints(plan(starting(task=task, dependencies={"a": None})))

    @pytest.mark.parametrize(
        ("keys", "sentence"),
        [
            ({"appID", "privateKey"}, "has no key 'installationID'; add it"),
            ({"appID"}, "has no key 'installationID' and no key 'privateKey'; add them"),
            (
                {"token"},
                "has no key 'GITHUB_TOKEN'; add it, or the keys appID, installationID, privateKey of a GitHub App",
            ),
        ],
    )
    def test_a_secret_with_wrong_keys_is_told_which_are_missing(self, keys, sentence):
        decided = plan(starting(keys=frozenset(keys)))

        expected = f"Secret 'app' (git token of Workspace 'repo') {sentence}"
        assert ("SecretMissing", expected) == (status_of(decided)["reason"], status_of(decided)["message"])


class TestNoToken:
    def test_the_task_waits_and_says_why(self):
        decided = plan_no_token(starting(), TokenUnavailable("GitHub is away", retry_in_seconds=7.0))

        status = status_of(decided)
        assert ("Waiting", "TokenUnavailable", "Workspace 'repo': GitHub is away") == (
            status["phase"],
            status["reason"],
            status["message"],
        )
        assert 7.0 == decided.again_in_seconds

    def test_it_gives_up_after_the_start_timeout(self):
        why = TokenUnavailable("GitHub is away", retry_in_seconds=7.0)
        held = status_of(plan_no_token(starting(), why))
        task = make.task(workspaceRef={"name": "repo"}, status=held)

        nearly, over = (
            plan_no_token(starting(task=task, now=make.NOW + timedelta(seconds=s)), why) for s in (595, 600)
        )

        assert 5.0 == nearly.again_in_seconds
        assert ("Failed", "Workspace 'repo': GitHub is away (gave up after 600 seconds)") == (
            status_of(over)["phase"],
            status_of(over)["message"],
        )

    def test_it_wakes_when_the_apps_secret_changes(self):
        held = status_of(plan_no_token(starting(), TokenUnavailable("no", retry_in_seconds=7.0)))
        task = make.task(workspaceRef={"name": "repo"}, status=held)

        assert ((), ("app",)) == (awaited(starting())[SECRET], awaited(starting(task=task))[SECRET])

    def test_it_does_not_queue_for_its_branch_meanwhile(self):
        """Who waits for something else keeps nobody from a branch."""
        from kelos.controllers.task_caches import _queue

        held = status_of(plan_no_token(starting(), TokenUnavailable("no", retry_in_seconds=7.0)))
        manifest = make.task_manifest(branch="feature", workspaceRef={"name": "repo"}, status=held)

        assert [] == list(_queue(manifest))


class TestRenewal:
    def test_a_running_agent_gets_a_new_token_before_the_old_one_ends(self):
        decided = plan(running(token=token(timedelta(minutes=55))))

        (step,) = mints(decided)
        (told,) = [s for s in decided.steps if isinstance(s, Tell)]
        assert ("app", "shop", "GitHubTokenRefreshed") == (step.app_secret, step.repository, told.reason)
        assert decided.again_in_seconds is not None
        assert decided.again_in_seconds <= 1.0

    def test_until_then_it_looks_again_exactly_when_it_is_time(self):
        decided = plan(running(token=token(timedelta(minutes=5))))

        due = renewal_at("uid-fix-bug", make.NOW - timedelta(minutes=5), make.NOW + timedelta(minutes=55))
        assert ([], (due - make.NOW).total_seconds()) == (mints(decided), decided.again_in_seconds)

    def test_the_moment_is_between_ten_and_twelve_minutes_before_the_end(self):
        """Of a thousand Tasks that started together, at most a few renew in the same second."""
        end = make.NOW + HOUR
        before = [(end - renewal_at(f"uid-{n}", make.NOW, end)).total_seconds() for n in range(1000)]

        assert RENEW_BEFORE_SECONDS <= min(before)
        assert max(before) <= RENEW_BEFORE_SECONDS + SPREAD_SECONDS
        assert max(sum(1 for b in before if int(b) == second) for second in range(600, 721)) < 25

    @pytest.mark.parametrize("minutes", [2, 4, 10, 15])
    def test_a_short_token_is_renewed_at_its_half(self, minutes):
        """Not from its first second on."""
        end = make.NOW + timedelta(minutes=minutes)

        due = renewal_at("uid", make.NOW, end) - make.NOW
        assert max(timedelta(minutes=minutes) / 2, timedelta(seconds=60)) == due

    def test_a_token_secret_that_was_deleted_is_made_anew(self):
        """The kubelet keeps the old file meanwhile."""
        assert 1 == len(mints(plan(running(token=None))))

    def test_a_failure_is_told_tried_again_and_ends_nothing(self):
        view = running(token=token(timedelta(minutes=55)))

        decided = plan_renewal_failed(view, plan(view), TokenUnavailable("GitHub is away", retry_in_seconds=0.5))

        (told,) = decided.steps
        assert isinstance(told, Tell)
        assert ("GitHubTokenRefreshFailed", 0.5) == (told.reason, decided.again_in_seconds)
        assert "GitHub is away" in told.message

    @pytest.mark.parametrize(
        "facts",
        [
            {"pods": (make.ended_pod(exit_code=1),)},
            {"job": make.job()},
            {"job": make.job(app_secret="app", token_repository=ADDRESS, is_suspended=True)},
        ],
        ids=["its pod is over", "it needs none", "it is being stopped"],
    )
    def test_nobody_else_is_given_one(self, facts):
        assert [] == mints(plan(running(token=None, **facts)))

    def test_a_task_that_has_ended_is_given_none(self):
        task = make.task(status={"phase": "Failed", "reason": "AgentError", "jobName": "fix-bug"})

        assert [] == mints(plan(make.view(task, job=make.job(app_secret="app", token_repository=ADDRESS))))

    def test_what_the_workspace_says_by_now_does_not_matter(self):
        """The running pod mounts what it was given."""
        elsewhere = make.workspace(repo="https://github.com/acme/other")

        (step,) = mints(plan(running(workspace=elsewhere, token=None)))

        assert ("shop", ADDRESS) == (
            step.repository,
            step.secret["metadata"]["annotations"]["kelos.dev/token-repository"],
        )
