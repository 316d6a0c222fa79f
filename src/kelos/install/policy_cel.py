"""The rules of the admission policy in CEL: each finds what a Task must not ask for, and names field and remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from kelos.settings import REGISTRY

ALL = "*"
LISTS = {
    "images": f"{REGISTRY}/*",
    "serviceAccounts": "",
    "credentialSecrets": ALL,
    "workspaces": ALL,
    "agentConfigs": ALL,
    "podOverrides": "resources, activeDeadlineSeconds, env, volumes, volumeMounts",
}
"""Words that are allowed, by key of the ConfigMap; a `*` at the end of a word stands for anything."""
LIMITS = {
    "maxTimeoutSeconds": "7200",
    "maxStartTimeoutSeconds": "3600",
    "maxRetries": "1",
    "maxCpu": "4",
    "maxMemory": "16Gi",
    "maxEphemeralStorage": "20Gi",
}
NEVER = ("podSecurityContext", "containerSecurityContext")
"""Overrides that no ConfigMap can allow: they are the way to the host."""
VOLUME_FIELDS = ("name", "emptyDir")
CONTAINER_FIELDS = ("name", "image", "command", "args", "workingDir", "env", "ports", "resources", "volumeMounts")
PORT_FIELDS = ("name", "containerPort", "protocol")
PLACES = (("flat", "spec.podOverrides"), ("nested", "spec.worker.podOverrides"))
WHERE = "the ConfigMap 'kelos-ci-policy' of this namespace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`message` is said when `message_expression` cannot be, because a name in it has line ends."""

    expression: str
    message: str
    message_expression: str


def _list(key: str) -> str:
    given = f'params.?data[?"{key}"].orValue({json.dumps(LISTS[key])})'
    return f'{given}.replace(",", "\\n").split("\\n").map(w, w.trim()).filter(w, w != "")'


def _limit(key: str) -> str:
    return f'params.?data[?"{key}"].orValue("{LIMITS[key]}").trim()'


def _is_in(word: str, key: str) -> str:
    matches = f'w == {word} || (w.endsWith("*") && {word}.startsWith(w.substring(0, w.size() - 1)))'
    return f"variables.{key}.exists(w, {matches})"


def _refused_names(fields: tuple[tuple[str, str], ...], key: str) -> str:
    """Pairs of field and name, of the names that the list does not have."""
    asked = ", ".join(f'["{field}", string({path}.orValue(""))]' for field, path in fields)
    return f'[{asked}].filter(a, a[1] != "" && !{_is_in("a[1]", key)})'


def _refused_configs() -> str:
    lists = [("spec", "object.spec"), ("spec.worker", "object.spec.?worker")]
    refs = '.?agentConfigRefs.orValue([]).map(r, ["FIELD.agentConfigRefs", string(r.name)])'
    parts = [f"{path}{refs.replace('FIELD', field)}" for field, path in lists]
    parts.append('[["spec.agentConfigRef", string(object.spec.?agentConfigRef.?name.orValue(""))]]')
    return f'({" + ".join(parts)}).filter(a, a[1] != "" && !{_is_in("a[1]", "agentConfigs")})'


def _in_both_places(expression: str) -> str:
    """A list for each place of podOverrides, one behind the other. `OVER` is the object, `FIELD` its path."""
    return " + ".join(expression.replace("OVER", f"variables.{name}").replace("FIELD", field) for name, field in PLACES)


def _foreign(of: str, known: tuple[str, ...]) -> str:
    return f"{of}.exists(k, !(k in {json.dumps(known)}))"


_BAD_AMOUNT = (
    "!(k in variables.caps) || !isQuantity(string(RES.PART[k])) || "
    "quantity(string(RES.PART[k])).compareTo(quantity(variables.caps[k])) > 0"
)


def _bad_amounts(resources: str, field: str) -> str:
    """Requests and limits that are over their cap, or of something that has none."""
    parts = []
    for part in ("limits", "requests"):
        bad = _BAD_AMOUNT.replace("RES", resources).replace("PART", part)
        parts.append(f'{resources}.?{part}.orValue({{}}).filter(k, {bad}).map(k, "{field}.{part}." + k)')
    foreign = f'{resources}.filter(k, !(k in ["limits", "requests"])).map(k, "{field}." + k)'
    return f"({' + '.join([*parts, foreign])})"


_IMAGE = 'string(c.?image.orValue(""))'


def _bad_containers() -> str:
    lists = " + ".join(f"OVER.?{name}.orValue([])" for name in ("extraContainers", "extraInitContainers"))
    problems = " || ".join(
        (
            _foreign("c", CONTAINER_FIELDS),
            f"!{_is_in(_IMAGE, 'images')}",
            "c.?env.orValue([]).exists(e, has(e.valueFrom))",
            f"c.?ports.orValue([]).exists(p, {_foreign('p', PORT_FIELDS)})",
            f"{_bad_amounts('c.?resources.orValue({})', '')}.size() > 0",
        )
    )
    return _in_both_places(f'({lists}).filter(c, {problems}).map(c, "FIELD container \'" + c.name + "\'")')


def _variables() -> Iterator[tuple[str, str]]:
    yield from ((key, _list(key)) for key in LISTS)
    yield from ((key, f"int({_limit(key)})") for key in ("maxTimeoutSeconds", "maxStartTimeoutSeconds", "maxRetries"))
    caps = {"cpu": "maxCpu", "memory": "maxMemory", "ephemeral-storage": "maxEphemeralStorage"}
    yield "caps", "{" + ", ".join(f'"{name}": {_limit(key)}' for name, key in caps.items()) + "}"
    yield "flat", "object.spec.?podOverrides.orValue({})"
    yield "nested", "object.spec.?worker.?podOverrides.orValue({})"
    yield "effective", "object.spec.?worker.?podOverrides.hasValue() ? variables.nested : variables.flat"
    yield "badImages", _refused_names(_both("image", "?image"), "images")
    yield "badAccounts", _refused_names(_overridden("serviceAccountName"), "serviceAccounts")
    secrets = _both("credentials.secretRef.name", "?credentials.?secretRef.?name")
    yield "badSecrets", _refused_names(secrets, "credentialSecrets")
    yield "badWorkspaces", _refused_names(_both("workspaceRef.name", "?workspaceRef.?name"), "workspaces")
    yield "badConfigs", _refused_configs()
    allowed = f'(k in variables.podOverrides && !(k in {json.dumps(NEVER)})) || k == "serviceAccountName"'
    yield "badOverrides", _in_both_places(f'OVER.filter(k, !({allowed})).map(k, "FIELD." + k)')
    from_elsewhere = "OVER.?env.orValue([]).filter(e, has(e.valueFrom))"
    yield "badEnv", _in_both_places(f'{from_elsewhere}.map(e, "FIELD.env \'" + e.name + "\'")')
    volumes = f"OVER.?volumes.orValue([]).filter(v, {_foreign('v', VOLUME_FIELDS)})"
    yield "badVolumes", _in_both_places(f'{volumes}.map(v, "FIELD.volumes \'" + v.name + "\'")')
    yield "badContainers", _bad_containers()
    yield "badAmounts", _in_both_places(_bad_amounts("OVER.?resources.orValue({})", "FIELD.resources"))


def _both(field: str, path: str) -> tuple[tuple[str, str], ...]:
    """A doubled field of a Task, in its two places."""
    return (f"spec.{field}", f"object.spec.{path}"), (f"spec.worker.{field}", f"object.spec.?worker.{path}")


def _overridden(field: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"{path}.{field}", f"variables.{name}.?{field}") for name, path in PLACES)


def _name_rule(variable: str, key: str, what: str, remedy: str) -> Rule:
    """About names: `spec.image 'x' may not be used here: …`."""
    choice = f'(variables.{key}.size() == 0 ? "none is allowed" : "allowed: " + variables.{key}.join(", "))'
    said = f'variables.{variable}[0][0] + " \'" + variables.{variable}[0][1] + "\' may not be used here: {remedy} ("'
    return Rule(
        expression=f"variables.{variable}.size() == 0",
        message=f"The Task names {what} that may not be used here: {remedy} (key '{key}' of {WHERE})",
        message_expression=f"{said} + {choice} + \"; key '{key}' of {WHERE})\"",
    )


def _field_rule(variable: str, problem: str, remedy: str) -> Rule:
    """About fields: `spec.podOverrides.labels may not be set here: …`."""
    return Rule(
        expression=f"variables.{variable}.size() == 0",
        message=f"A part of podOverrides {problem}: {remedy}",
        message_expression=f'variables.{variable}[0] + " {problem}: {remedy}"',
    )


def _number_rule(expression: str, key: str, sentence: str) -> Rule:
    return Rule(
        expression=expression,
        message=f"{sentence} (key '{key}' of {WHERE})",
        message_expression=f'"{sentence}: at most " + string(variables.{key}) + " (key \'{key}\' of {WHERE})"',
    )


def _timeout_rule() -> Rule:
    deadlines = (f"variables.{name}.?activeDeadlineSeconds" for name, _ in PLACES)
    asked = ["object.spec.?timeoutSeconds", *deadlines]
    is_set = "object.spec.?timeoutSeconds.hasValue() || variables.effective.?activeDeadlineSeconds.hasValue()"
    short = " && ".join(f"{path}.orValue(0) <= variables.maxTimeoutSeconds" for path in asked)
    sentence = "spec.timeoutSeconds, or podOverrides.activeDeadlineSeconds, must be set and not be too long here"
    return _number_rule(f"({is_set}) && {short}", "maxTimeoutSeconds", sentence)


VARIABLES = tuple(_variables())
RULES = (
    _name_rule("badImages", "images", "an image", "leave it out, or use an allowed one"),
    _name_rule("badAccounts", "serviceAccounts", "a ServiceAccount", "leave it out; agents need none"),
    _name_rule("badSecrets", "credentialSecrets", "a Secret", "name a Secret that is meant for agents"),
    _name_rule("badWorkspaces", "workspaces", "a Workspace", "name an allowed one"),
    _name_rule("badConfigs", "agentConfigs", "an AgentConfig", "name an allowed one"),
    _field_rule(
        "badOverrides", "may not be set here", f"leave it out, or have it allowed (key 'podOverrides' of {WHERE})"
    ),
    _field_rule("badEnv", "may not take its value from elsewhere", "write the value, or use the agent's credentials"),
    _field_rule("badVolumes", "may only be an emptyDir here", "use emptyDir, or keep files in the Workspace"),
    _field_rule(
        "badContainers",
        "asks for too much",
        "use an allowed image, no more resources than a Task may have, plain env values, and no other fields than "
        + ", ".join(CONTAINER_FIELDS),
    ),
    _field_rule(
        "badAmounts", "is more than a Task may ask for", f"lower it, or have it raised (keys 'max…' of {WHERE})"
    ),
    _timeout_rule(),
    _number_rule(
        "object.spec.?startTimeoutSeconds.orValue(0) <= variables.maxStartTimeoutSeconds",
        "maxStartTimeoutSeconds",
        "spec.startTimeoutSeconds is too long here",
    ),
    _number_rule(
        "object.spec.?retries.orValue(0) <= variables.maxRetries", "maxRetries", "spec.retries is too many here"
    ),
    Rule(
        expression="!has(object.spec.podFailurePolicy)",
        message="spec.podFailurePolicy may not be set here: leave it out and use spec.retries",
        message_expression='"spec.podFailurePolicy may not be set here: leave it out and use spec.retries"',
    ),
)
