"""The fields of the built-in kinds as the official client knows them; run as a program, it writes our table."""

import json
import re
from pathlib import Path
from typing import Any

import kubernetes.client.models as models

TABLE = Path(__file__).parents[3] / "src/kelos/local/server/builtin/fields.json"
_ROOTS = (
    "V1Pod V1Job V1CronJob V1Deployment V1Secret V1ConfigMap V1ServiceAccount V1PersistentVolumeClaim V1Service "
    "CoreV1Event EventsV1Event V1Lease V1Namespace V1Node V1Role V1RoleBinding V1ClusterRole V1ClusterRoleBinding "
    "V1CustomResourceDefinition"
)
_PLAIN = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "object": "any", "datetime": "time"}


# The client leaves these open; they hold schemas again, or a mere yes or no.
_SCHEMAS = {
    "items": "JSONSchemaProps",
    **dict.fromkeys(("additionalItems", "additionalProperties"), "JSONSchemaProps|boolean"),
}


def official_fields() -> dict[str, dict[str, str]]:
    """Field name → type of every type that the served kinds reach."""
    found: dict[str, dict[str, str]] = {}
    waiting = _ROOTS.split()
    while waiting:
        name = waiting.pop()
        model: Any = getattr(models, name)
        if _short(name) in found:
            continue
        found[_short(name)] = {model.attribute_map[key]: _type(each) for key, each in model.openapi_types.items()}
        waiting += re.findall(r"\w*V[12]\w+", " ".join(model.openapi_types.values()))
    found["JSONSchemaProps"] |= _SCHEMAS
    return dict(sorted(found.items()))


def _type(name: str) -> str:
    """`[T]` is a list, `{T}` a map with text keys."""
    if match := re.fullmatch(r"[Ll]ist\[(.+)\]", name):
        return f"[{_type(match[1])}]"
    if match := re.fullmatch(r"[Dd]ict[\[(]str, (.+)[\])]", name):
        return f"{{{'string' if match[1] == 'bytes' else _type(match[1])}}}"
    return _PLAIN.get(name) or _short(name)


def _short(name: str) -> str:
    return name.removeprefix("V1")


def render() -> str:
    """The table as the file has it: one type per line."""
    lines = [f"{json.dumps(name)}: {json.dumps(fields)}" for name, fields in official_fields().items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    TABLE.write_text(render())
