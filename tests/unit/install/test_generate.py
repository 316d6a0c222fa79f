"""Generated files are written, checked and cleared away by one program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from kelos.install import generate, policy_cel, rbac, templates
from kelos.install.crds import build_crds
from kelos.telemetry.metrics import Metrics
from kelos.telemetry.report_metrics import ReportMetrics
from kelos.telemetry.spawner_metrics import GitHubMetrics, SourceMemoryMetrics, SpawnerMetrics
from kelos.telemetry.task_metrics import TaskMetrics

CHECKOUT = Path(__file__).parents[3]


def test_the_checkout_is_fresh():
    """One truth, checked copies."""
    assert 0 == generate.main(["--check", "--root", str(CHECKOUT)])


def test_a_second_run_has_nothing_to_do(tmp_path, capsys):
    """Writing is stable."""
    generate.main(["--root", str(tmp_path)])
    capsys.readouterr()

    assert 0 == generate.main(["--root", str(tmp_path)])
    assert "" == capsys.readouterr().err


@pytest.mark.parametrize("damage", ["change", "remove", "add"])
def test_a_stale_file_is_named_and_mended(tmp_path, capsys, damage):
    """A copy that somebody edited, lost or left behind."""
    generate.main(["--root", str(tmp_path)])
    file = tmp_path / templates.FOLDER / ("old.yaml" if damage == "add" else "tasks.yaml")
    file.unlink() if damage == "remove" else file.write_text("edited")
    capsys.readouterr()

    assert 1 == generate.main(["--check", "--root", str(tmp_path)])
    assert f"{templates.FOLDER}/{file.name} is stale: run `make generate`\n" == capsys.readouterr().err
    generate.main(["--root", str(tmp_path)])
    assert 0 == generate.main(["--check", "--root", str(tmp_path)])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--serve", "team-a"], "add --controller"),
        (["--crds", "--dedicated-spawners"], "add --controller"),
        (["--ci-namespace", ""], "a namespace has no name"),
        (["--check", "--crds"], "leave it out to print manifests"),
        ([], "this folder is no checkout of kelos; name one with --root"),
    ],
)
def test_nothing_is_written_where_manifests_were_meant(tmp_path, monkeypatch, capsys, words, sentence):
    """A flag that was left out must not fill the folder in which somebody happens to be."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as ended:
        generate.main(words)

    assert (2, []) == (ended.value.code, list(tmp_path.iterdir()))
    assert sentence in capsys.readouterr().err


def rendered(text: str, *, keep: bool) -> str:
    """What Helm makes of a template with crds.install on, for the few actions that ours may contain."""
    text = re.sub(r"\{\{- /\*.*?\*/ -\}\}\s*", "", text)
    text = re.sub(
        r"\s*\{\{- if \.Values\.crds\.keep \}\}(.*?)\s*\{\{- end \}\}", r"\1" if keep else "", text, flags=re.S
    )
    text = re.sub(r"\{\{- if \.Values\.crds\.install \}\}(.*?)\{\{- end \}\}", r"\1", text, flags=re.S)
    text = text.replace('{{ "{{" }}', "\0")
    assert "{{" not in text
    return text.replace("\0", "{{")


@pytest.mark.parametrize("keep", [True, False])
def test_a_template_is_the_definition_under_two_switches(keep):
    """Nothing else differs between `kelos install` and the chart."""
    for crd, (_, text) in zip(build_crds(), templates.crd_templates(), strict=True):
        loaded = yaml.safe_load(rendered(text, keep=keep))
        annotations = loaded["metadata"].pop("annotations", None)

        assert crd == loaded
        assert ({"helm.sh/resource-policy": "keep"} if keep else None) == annotations


def test_a_description_may_show_a_template():
    """Helm must not run what is only shown to people."""
    crd = {"kind": "X", "metadata": {"name": "x"}, "spec": {"description": "write {{.Deps}} or {{`a`}}"}}

    assert crd == yaml.safe_load(rendered(templates.crd_template(crd), keep=False))


def test_the_controller_is_printed_with_its_images(capsys):
    """For `kubectl apply -f -`: names of images are all that differs from one installation to the next."""
    assert 0 == generate.main(["--crds", "--controller", "--image-prefix", "example.org/k", "--image-tag", "v1"])

    printed = list(yaml.safe_load_all(capsys.readouterr().out))
    kinds = [manifest["kind"] for manifest in printed]
    container = printed[-1]["spec"]["template"]["spec"]["containers"][0]
    assert ["CustomResourceDefinition"] * 5 + ["Namespace", "ServiceAccount"] == kinds[:7]
    assert "example.org/k/kelos:v1" == container["image"]
    assert {"--runner-image=example.org/k/kelos-runner:v1", "--agent-image=demo=example.org/k/demo:v1"} <= set(
        container["args"]
    )


def test_rights_can_be_those_of_single_namespaces(capsys):
    """Then Secrets of all others are out of reach, and the controller looks nowhere else."""
    assert 0 == generate.main(["--controller", "--serve", "team-a", "--serve", "team-b"])

    printed = list(yaml.safe_load_all(capsys.readouterr().out))
    roles = [m["metadata"] for m in printed if m["kind"] == "Role" and m["rules"] == rbac.rules()]
    bound = [m for m in printed if m["kind"] == "RoleBinding" and m["metadata"]["namespace"] == "team-b"]
    container = printed[-1]["spec"]["template"]["spec"]["containers"][0]
    assert [] == [m for m in printed if m["kind"].startswith("ClusterRole")]
    assert ["team-a", "team-b"] == [meta["namespace"] for meta in roles]
    assert [{"kind": "ServiceAccount", "name": "kelos-controller", "namespace": "kelos-system"}] == bound[0]["subjects"]
    assert {"--watch-namespace=team-a", "--watch-namespace=team-b"} <= set(container["args"])


def test_the_admission_policy_is_printed_with_what_a_namespace_needs(capsys):
    """What the guide says to apply."""
    assert 0 == generate.main(["--ci-policy", "--ci-namespace", "team-a", "--image-prefix", "example.org/k"])

    printed = list(yaml.safe_load_all(capsys.readouterr().out))
    policies, opt_in = printed[:4], printed[4:]
    pair = ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]
    assert [*pair, *pair, "ConfigMap", "LimitRange", "Role"] == [manifest["kind"] for manifest in printed]
    assert policies[1]["spec"]["paramRef"]["name"] == opt_in[0]["metadata"]["name"]
    assert {"team-a"} == {manifest["metadata"]["namespace"] for manifest in opt_in}
    assert "example.org/k/*" == opt_in[0]["data"]["images"]


def test_the_guide_lists_every_key_of_the_policy_with_its_default():
    """Who opts in reads the table, not the rules."""
    text = (CHECKOUT / "docs/ci-policy.md").read_text()
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| `")]
    told = {
        key.strip("` "): value.strip("` ")
        for keys, values in rows
        for key, value in zip(keys.split(","), values.split("`, `") if "maxCpu" in keys else [values], strict=True)
    }

    assert {**policy_cel.LISTS, "serviceAccounts": "none", **policy_cel.LIMITS} == told


def test_every_number_is_in_the_guide():
    """And nothing in the guide is gone."""
    metrics = Metrics()
    for more in (TaskMetrics, SpawnerMetrics, SourceMemoryMetrics, GitHubMetrics, ReportMetrics):
        more(metrics.registry)
    families = {f"{f.name}{'_total' if f.type == 'counter' else ''}" for f in metrics.registry.collect()}

    assert families == set(re.findall(r"`(kelos_\w+)`", (CHECKOUT / "docs/operations.md").read_text()))


def test_the_rights_are_written_down_as_they_are():
    """Who installs the controller reads the table, not the code."""
    text = (CHECKOUT / "controller/README.md").read_text()

    for group, resources, verbs in (*rbac.RULES, *rbac.HOSTING_RULES):
        what = ", ".join(f"`{_address(resource, group)}`" for resource in resources)
        assert f"| {what} | {', '.join(verbs)} |" in text
    assert len(rbac.RULES) + len(rbac.HOSTING_RULES) == text.split("## Images")[0].count("\n| `")


def _address(resource: str, group: str) -> str:
    """As kubectl says it: `tasks.kelos.dev/status`."""
    plural, slash, part = resource.partition("/")
    return f"{plural}.{group}{slash}{part}" if group else resource
