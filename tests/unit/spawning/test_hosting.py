"""What a Dedicated TaskSpawner gets for itself: its name, its rights, and what is done so that it is there."""

from __future__ import annotations

from typing import Any

import pytest

import make
from kelos.api import names
from kelos.api.kinds import CRON_JOB, DEPLOYMENT, ROLE, ROLE_BINDING, SERVICE_ACCOUNT, Kind, Manifest
from kelos.api.task_spawner import TaskSpawner
from kelos.plan import Create, Delete, Patch
from kelos.settings import Settings
from kelos.spawning.hosting.host import host_kind, host_name
from kelos.spawning.hosting.plan import build_host, covers, form_of, host, take_away
from kelos.spawning.hosting.rights import rules, secret_names

CRON = {"cron": {"schedule": "0 9 * * 1-5", "timeZone": "Europe/Berlin"}}
SETTINGS = Settings(spawner_image="registry.invalid/kelos:1")


def dedicated(name: str = "bugs", **spec: Any) -> TaskSpawner:
    return make.task_spawner(name, isolation="Dedicated", **spec)


def built(spawner: TaskSpawner, **workspace: Any) -> dict[Kind, Manifest]:
    return dict(build_host(spawner, make.workspace(**workspace), SETTINGS))


def stored(manifests: dict[Kind, Manifest]) -> dict[Kind, Manifest]:
    """As the server has them, with what it adds."""
    return {
        kind: {**each, "metadata": {**each["metadata"], "uid": f"uid-{kind}", "resourceVersion": "7"}, "status": {}}
        for kind, each in manifests.items()
    }


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ({}, None),
        ({"isolation": "Dedicated"}, DEPLOYMENT),
        ({"isolation": "Dedicated", "when": CRON}, CRON_JOB),
        ({"isolation": "Dedicated", "when": {"webhook": {"source": "ci", "fieldMapping": {"id": "$.id"}}}}, None),
    ],
)
def test_who_polls_gets_a_deployment_and_a_schedule_a_cron_job(spec: Any, kind: Kind | None) -> None:
    """Whoever is told things needs nobody who looks."""
    assert kind == host_kind(make.task_spawner(**spec))


@pytest.mark.parametrize("name", ["bugs", "b" * 63, "team.bugs"])
def test_names_fit_a_cron_job_and_differ_from_those_of_others(name: str) -> None:
    """A Deployment that happens to be called like the spawner is somebody else's."""
    spawner = dedicated(name)

    assert (True, True) == (len(host_name(spawner)) <= 52, host_name(spawner) != name)
    assert host_name(spawner) != host_name(dedicated(name[:-1] + "x"))


def test_the_process_of_a_poller_is_one_and_is_probed() -> None:
    """Two would only be in each other's way; a suspended one has none."""
    spec = built(dedicated())[DEPLOYMENT]["spec"]
    (container,) = spec["template"]["spec"]["containers"]

    assert (1, {"type": "Recreate"}) == (spec["replicas"], spec["strategy"])
    assert 0 == built(dedicated(suspend=True))[DEPLOYMENT]["spec"]["replicas"]
    assert ["serve", "spawner", "--namespace=team", "--name=bugs", "--health-port=8081"] == container["args"]
    assert {"readinessProbe", "livenessProbe", "resources"} <= container.keys()


def test_a_schedule_is_handed_over_with_its_time_zone() -> None:
    """And one run at a time, tried again when it fails."""
    spec = built(dedicated(when=CRON))[CRON_JOB]["spec"]
    job = spec["jobTemplate"]["spec"]

    assert ("0 9 * * 1-5", "Europe/Berlin", "Forbid", False) == (
        spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"], spec["suspend"],
    )  # fmt: skip
    assert (2, "Never") == (job["backoffLimit"], job["template"]["spec"]["restartPolicy"])
    assert "--one-shot" == job["template"]["spec"]["containers"][0]["args"][-1]
    assert "Etc/UTC" == built(dedicated(when={"cron": {"schedule": "0 9 * * *"}}))[CRON_JOB]["spec"]["timeZone"]
    assert built(dedicated(when=CRON, suspend=True))[CRON_JOB]["spec"]["suspend"]


def test_only_secrets_that_it_signs_in_with_are_within_reach() -> None:
    """Those of agents are not, nor is a list of all of them."""
    headers = [{"header": "X-Key", "secretName": "wiki", "secretKey": "key"}]
    app = {"secretRef": {"name": "app"}}
    context = [{"name": "wiki", "http": {"url": "https://wiki.invalid", "headersFrom": headers, "githubAppAuth": app}}]
    template = {
        "type": "claude-code",
        "credentials": {"type": "api-key", "secretRef": {"name": "agent"}},
        "workspaceRef": {"name": "repo"},
        "contextSources": context,
    }
    jira = {"jira": {"baseUrl": "https://jira.invalid", "project": "SHOP", "secretRef": {"name": "jira"}}}
    workspace = make.workspace(secretRef={"name": "github"})

    assert ("app", "github", "wiki") == secret_names(dedicated(taskTemplate=template), workspace)
    assert ("app", "jira", "wiki") == secret_names(dedicated(taskTemplate=template, when=jira), workspace)
    found = [names for group, what, _, names in rules(dedicated(), workspace) if (group, what) == ("", "secrets")]
    assert [("github",)] == found
    assert [] == [rule for rule in rules(dedicated(), make.workspace()) if rule[1] == "secrets"]


def test_what_is_missing_is_made_and_what_is_there_is_left() -> None:
    """In an order in which each finds what it needs."""
    spawner = dedicated()
    wanted = built(spawner)

    steps = host(spawner, [*wanted.items()], {}).steps

    assert [SERVICE_ACCOUNT, ROLE, ROLE_BINDING, DEPLOYMENT] == [s.kind for s in steps if isinstance(s, Create)]
    assert () == host(spawner, [*wanted.items()], stored(wanted)).steps


def test_what_somebody_changed_is_mended_and_what_was_added_stays() -> None:
    """Other tools mark objects too; nobody's change of the number of processes counts."""
    spawner = dedicated()
    wanted = built(spawner)
    there = stored(wanted)
    there[DEPLOYMENT] = {**there[DEPLOYMENT], "spec": {**there[DEPLOYMENT]["spec"], "replicas": 3}}
    there[ROLE]["metadata"]["annotations"] = {**there[ROLE]["metadata"]["annotations"], "mesh": "on"}

    (step,) = host(spawner, [*wanted.items()], there).steps

    assert isinstance(step, Patch)
    assert (DEPLOYMENT, 1, "7") == (step.kind, step.body["spec"]["replicas"], step.body["metadata"]["resourceVersion"])


def test_a_new_version_of_us_mends_its_own_earlier_wishes() -> None:
    """What it no longer wants is not in its objects, but in their hash."""
    spawner = dedicated()
    wanted = built(spawner)
    there = stored(wanted)
    there[ROLE]["metadata"]["annotations"] = {names.ANNOTATION_FORM: "of-old"}

    assert [ROLE] == [step.kind for step in host(spawner, [*wanted.items()], there).steps if isinstance(step, Patch)]


def test_nothing_is_touched_when_one_name_is_somebody_elses() -> None:
    """Neither his object nor ours beside it."""
    spawner = dedicated()
    wanted = built(spawner)
    there = stored(built(dedicated(meta={"uid": "another"})))

    hosting = host(spawner, [*wanted.items()], {DEPLOYMENT: there[DEPLOYMENT]})

    assert ((), DEPLOYMENT) == (hosting.steps, hosting.foreign)
    assert () == take_away(spawner, there)


def test_of_two_workloads_the_old_one_goes_first() -> None:
    """A poller that becomes a schedule does not do both."""
    spawner = dedicated(when=CRON)
    wanted, before = built(spawner), stored(built(dedicated()))

    steps = host(spawner, [*wanted.items()], before).steps

    assert [(Delete, DEPLOYMENT), (Create, CRON_JOB)] == [
        (type(step), step.kind)  # type: ignore[union-attr]
        for step in steps
        if step.kind in (DEPLOYMENT, CRON_JOB)  # type: ignore[union-attr]
    ]


def test_who_acts_goes_before_what_allows_it() -> None:
    """A process without its rights would only complain."""
    spawner = dedicated()

    steps = take_away(spawner, stored(built(spawner)))

    assert [DEPLOYMENT, ROLE_BINDING, ROLE, SERVICE_ACCOUNT] == [s.kind for s in steps if isinstance(s, Delete)]


def test_its_form_follows_all_that_matters() -> None:
    """A Secret that the Workspace names anew changes the Role, and nothing else."""
    spawner = dedicated()
    plain, signed = (build_host(spawner, make.workspace(**w), SETTINGS) for w in ({}, {"secretRef": {"name": "new"}}))

    assert form_of(plain) == form_of(build_host(spawner, make.workspace(), SETTINGS))
    assert form_of(plain) != form_of(signed)


def test_an_object_covers_what_is_wanted_of_it() -> None:
    """Lists count as a whole: an argument more is another program."""
    assert covers({"a": [{"b": 1, "c": 2}], "d": 3}, {"a": [{"b": 1}]})
    assert not covers({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}]})
    assert not covers({}, {"a": 0})
