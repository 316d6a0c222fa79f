"""Which Tasks a step runs, in which order they are created, and what each is called in this run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kelos.action.chain.references import rename_dependencies
from kelos.action.given.workflow import Workflow
from kelos.action.inputs import ActionInputs
from kelos.action.submit import build_manifest, chosen_name
from kelos.api.checks import check_name, excerpt
from kelos.api.kinds import Manifest
from kelos.api.manifest import NAME_LIMIT, check_base
from kelos.api.names import shorten
from kelos.errors import UserError

TASKS_LIMIT = 32  # each has a watch, a log and a lease of its own
ALONE = "task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One Task of the chain. `key` is its name in the task-file, `needs` are the keys of those it depends on."""

    key: str
    base: Manifest | None = None
    needs: tuple[str, ...] = ()
    is_last: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The Tasks of one step, none before one it depends on."""

    links: tuple[Link, ...]
    inputs: ActionInputs
    workflow: Workflow
    prompt: str
    namespace: str

    @property
    def is_alone(self) -> bool:
        return len(self.links) == 1

    def inputs_of(self, link: Link) -> ActionInputs:
        """Only the last Tasks owe the results the step requires, and only the first ones wait for Tasks elsewhere."""
        if self.is_alone:
            return self.inputs
        return replace(
            self.inputs,
            require_results=self.inputs.require_results if link.is_last else (),
            fail_on_no_changes=self.inputs.fail_on_no_changes and link.is_last,
            depends_on=() if _depends_on(link.base) else self.inputs.depends_on,
        )

    def workflow_of(self, link: Link) -> Workflow:
        return self.workflow if self.is_alone else replace(self.workflow, leg=f"{self.workflow.leg}/{link.key}")

    def names(self) -> dict[str, str]:
        """What the Tasks are called when every one of them is new."""
        return {link.key: self._name(link) for link in self.links}

    def build(self, link: Link, names: Mapping[str, str]) -> Manifest:
        """The Task to create; `names` are what its dependencies are called in the cluster."""
        inputs = self.inputs_of(link)
        base = link.base
        if not self.is_alone:
            inputs = replace(inputs, name=self._name(link))
            base = _renamed(link, names)
        return build_manifest(inputs, self.workflow_of(link), prompt=self.prompt, base=base, namespace=self.namespace)

    def check(self) -> None:
        """A UserError when a Task cannot be built."""
        names = self.names()
        for link in self.links:
            self.build(link, names)

    def _name(self, link: Link) -> str:
        if self.is_alone:
            return chosen_name(self.inputs, self.workflow, link.base)
        prefix = chosen_name(self.inputs, self.workflow, None)
        return shorten(f"{prefix}-{link.key}", NAME_LIMIT)


def links_of(tasks: tuple[Manifest, ...]) -> tuple[Link, ...]:
    """The Tasks of a file in the order of creation; a UserError when they cannot be a chain."""
    for task in tasks:
        check_base(task)
    if len(tasks) <= 1:
        base = tasks[0] if tasks else None
        return (Link(key=str(((base or {}).get("metadata") or {}).get("name") or ALONE), base=base),)
    if len(tasks) > TASKS_LIMIT:
        raise UserError(f"The task-file holds {len(tasks)} Tasks: one step runs at most {TASKS_LIMIT}")
    by_key: dict[str, Manifest] = {}
    for task in tasks:
        key = check_name(str((task.get("metadata") or {}).get("name") or ""), "Name of a Task in the task-file")
        if key in by_key:
            raise UserError(f"The task-file holds two Tasks named '{key}': give each a name of its own")
        by_key[key] = task
    needs = {key: tuple(name for name in _depends_on(task) if name in by_key) for key, task in by_key.items()}
    needed = {name for names in needs.values() for name in names}
    return tuple(
        Link(key=key, base=by_key[key], needs=needs[key], is_last=key not in needed) for key in _in_order(needs)
    )


def check_inputs(links: tuple[Link, ...], inputs: ActionInputs) -> None:
    """What an input cannot mean for several Tasks."""
    for name in ("prompt", "prompt-file", "context", "context-file"):
        if len(links) > 1 and getattr(inputs, name.replace("-", "_")):
            raise UserError(
                f"The task-file holds {len(links)} Tasks, and `{name}` is for one: "
                "leave it out, and put what each Task is told into the file"
            )


def namespace_in(links: tuple[Link, ...]) -> str:
    """The namespace the file asks for, "" when it does not; a chain lives in one."""
    found = {str(((link.base or {}).get("metadata") or {}).get("namespace") or "") for link in links} - {""}
    if len(found) > 1:
        named = " and ".join(f"'{excerpt(one)}'" for one in sorted(found)[:2])
        raise UserError(f"The task-file's Tasks are in the namespaces {named}: put all of them into one")
    return found.pop() if found else ""


def _in_order(needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Every key after those it needs, otherwise as in the file."""
    ordered: list[str] = []
    while len(ordered) < len(needs):
        free = [key for key in needs if key not in ordered and set(needs[key]) <= set(ordered)]
        if not free:
            stuck = " and ".join(f"'{key}'" for key in needs if key not in ordered)
            raise UserError(f"The Tasks {stuck} wait for each other: take one out of the other's `dependsOn`")
        ordered.append(free[0])
    return ordered


def _renamed(link: Link, names: Mapping[str, str]) -> Manifest:
    base = link.base or {}
    depends_on = _depends_on(base)
    known = {key: names[key] for key in link.needs}
    spec = {**(base.get("spec") or {})}
    if depends_on:
        spec["dependsOn"] = [known.get(name, name) for name in depends_on]
        if isinstance(prompt := spec.get("prompt"), str):  # without dependencies the prompt is no template
            spec["prompt"] = rename_dependencies(prompt, known, link.key)
    return {**base, "spec": spec}


def _depends_on(base: Manifest | None) -> tuple[str, ...]:
    found = ((base or {}).get("spec") or {}).get("dependsOn") or ()
    if not isinstance(found, (list, tuple)) or not all(isinstance(name, str) for name in found):
        name = str(((base or {}).get("metadata") or {}).get("name") or "")
        raise UserError(f"The `dependsOn` of Task '{excerpt(name)}' is not a list of names: write it like [a, b]")
    return tuple(found)
