"""A task-file with several Tasks becomes a chain: an order, names of this run, and who gets which input."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kelos.action.chain.plan import Chain, check_inputs, links_of, namespace_in
from kelos.action.given.workflow import Workflow
from kelos.action.inputs import ActionInputs
from kelos.api.checks import check_name
from kelos.errors import UserError

RUN = Workflow(repository="acme/shop", run_id="16", attempt="1", leg="job/1")


def task(name: str, *depends_on: str, prompt: str = "do it", namespace: str = "") -> dict:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    spec = {"type": "demo", "prompt": prompt, **({"dependsOn": list(depends_on)} if depends_on else {})}
    return {"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "metadata": metadata, "spec": spec}


def chain(*tasks: dict, workflow: Workflow = RUN, **said) -> Chain:
    inputs = ActionInputs(**said)
    return Chain(links=links_of(tasks), inputs=inputs, workflow=workflow, prompt="", namespace="ci")


def manifests(planned: Chain) -> dict[str, dict]:
    names = planned.names()
    return {link.key: planned.build(link, names) for link in planned.links}


def test_a_task_comes_after_those_it_depends_on():
    """The controller would wait too, but a Task that cannot be created is noticed before its dependents exist."""
    links = links_of((task("pr", "tests"), task("tests", "scaffold"), task("scaffold"), task("docs")))

    assert ["scaffold", "tests", "pr", "docs"] == [link.key for link in links]
    assert ["pr", "docs"] == [link.key for link in links if link.is_last]


@given(st.permutations(range(6)), st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_every_order_in_the_file_gives_an_order_that_works(order, edges):
    """Whatever the file looks like, no Task is created before one it needs."""
    needs = {number: [f"t{low}" for low, high in edges if high == number and low < high] for number in range(6)}

    links = links_of(tuple(task(f"t{number}", *needs[number]) for number in order))

    seen: set[str] = set()
    for link in links:
        assert set(link.needs) <= seen
        seen.add(link.key)
    assert 6 == len(seen)


def test_names_belong_to_the_run_and_references_follow():
    """Two runs of one workflow share a namespace and must not share Tasks."""
    first = manifests(chain(task("a"), task("b", "a", "elsewhere", prompt="{{.Deps.a.Results.branch}}")))
    again = manifests(
        chain(task("a"), task("b", "a"), workflow=Workflow(repository="acme/shop", run_id="17", leg="job/1"))
    )

    name = first["a"]["metadata"]["name"]
    assert name.startswith("gha-")
    assert name.endswith("-a")
    assert [name, "elsewhere"] == first["b"]["spec"]["dependsOn"]
    assert f'{{{{(index .Deps "{name}").Results.branch}}}}' == first["b"]["spec"]["prompt"]
    assert not {one["metadata"]["name"] for one in first.values()} & {one["metadata"]["name"] for one in again.values()}


def test_the_input_name_begins_every_name():
    """People who name a step find its Tasks by that name."""
    assert ["nightly-a", "nightly-b"] == [
        one["metadata"]["name"] for one in manifests(chain(task("a"), task("b"), name="nightly")).values()
    ]


@example("a" * 52)
@given(st.from_regex(r"[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?", fullmatch=True))
def test_every_name_is_legal_and_short_enough(key):
    """Jobs and pods append to it."""
    for one in manifests(chain(task(key), task("x-other"))).values():
        assert len(check_name(one["metadata"]["name"], "name")) <= 52


def test_a_single_task_keeps_the_name_of_its_file():
    """As it was before there were chains."""
    (one,) = manifests(chain(task("hello"))).values()

    assert "hello" == one["metadata"]["name"]


def test_inputs_go_to_every_task_results_to_the_last_and_waiting_to_the_first():
    """`depends-on` on a Task in the middle would cut it off from its own dependencies."""
    planned = chain(
        task("a"), task("b", "a"), model="m", require_results=("pr",), depends_on=("before",), workspace="shop"
    )
    built = manifests(planned)

    assert [("m", "shop")] * 2 == [
        (one["spec"]["model"], one["spec"]["workspaceRef"]["name"]) for one in built.values()
    ]
    assert ["before"] == built["a"]["spec"]["dependsOn"]
    assert [built["a"]["metadata"]["name"]] == built["b"]["spec"]["dependsOn"]
    assert [(), ("pr",)] == [planned.inputs_of(link).require_results for link in planned.links]


def test_adopted_names_are_what_dependents_refer_to():
    """On a re-run the first Task may be one of an earlier attempt; its dependent must then be equal to that one's."""
    planned = chain(task("a"), task("b", "a"))
    names = {**planned.names(), "a": "of-an-earlier-attempt"}

    assert ["of-an-earlier-attempt"] == planned.build(planned.links[1], names)["spec"]["dependsOn"]


@pytest.mark.parametrize(
    ("tasks", "sentence"),
    [
        ((task("a", "b"), task("b", "a")), "The Tasks 'a' and 'b' wait for each other: take one out"),
        ((task("a", "a"), task("b")), "The Tasks 'a' wait for each other"),
        ((task("a"), task("a")), "The task-file holds two Tasks named 'a': give each a name of its own"),
        ((task("a"), task("")), "Name of a Task in the task-file '' is not a legal name"),
        (tuple(task(f"t{n}") for n in range(33)), "The task-file holds 33 Tasks: one step runs at most 32"),
        ((task("a"), {**task("b"), "spec": {"dependsOn": "a"}}), "The `dependsOn` of Task 'b' is not a list of names"),
    ],
)
def test_what_is_no_chain_is_refused_with_a_sentence(tasks, sentence):
    """Before anything was sent."""
    with pytest.raises(UserError, match=sentence.replace("(", r"\(")):
        links_of(tasks)


@pytest.mark.parametrize("said", ["prompt", "prompt_file", "context", "context_file"])
def test_one_prompt_for_several_tasks_is_refused(said):
    """Which of them would it be for?"""
    with pytest.raises(UserError, match="leave it out, and put what each Task is told into the file"):
        check_inputs(links_of((task("a"), task("b"))), ActionInputs(**{said: "x"}))


def test_a_chain_lives_in_one_namespace():
    """Dependencies are looked for in the Task's own namespace."""
    assert "x" == namespace_in(links_of((task("a", namespace="x"), task("b"))))
    with pytest.raises(UserError, match="in the namespaces 'x' and 'y': put all of them into one"):
        namespace_in(links_of((task("a", namespace="x"), task("b", namespace="y"))))
