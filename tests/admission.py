"""The accept and refuse cases of `tests/data/admission`, as whole manifests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "data"
VERSIONS = ("v1alpha1", "v1alpha2")
TRIMMED = "kelos-workers"

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One manifest and what an API server says to it: nothing when it is accepted."""

    id: str
    kind: str
    version: str
    manifest: Manifest
    old: Manifest | None
    says: str

    def __str__(self) -> str:
        return f"{self.kind}, {self.version}: {self.id}"


def cases() -> list[Case]:
    """Every case in every version of its kind."""
    return [case for file in sorted((FOLDER / "admission").glob("*.yaml")) for case in _read(file)]


def seeds(name: str, *kinds: str) -> list[Manifest]:
    """The manifests of one seed file, of these kinds only."""
    documents = yaml.safe_load_all((FOLDER / "seeds" / f"{name}.yaml").read_text())
    return [document for document in documents if document["kind"] in kinds]


def whole_seeds(*kinds: str) -> list[Manifest]:
    """What the reference's pages print, but for the one TaskSpawner that they print without some of its fields."""
    printed = [*seeds("readme", *kinds), *seeds("integration-guide", *kinds)]
    return [manifest for manifest in printed if manifest["metadata"]["name"] != TRIMMED]


def trimmed_seed() -> Manifest:
    """The TaskSpawner that is printed without its Workspace and credentials."""
    (found,) = [seed for seed in seeds("readme", "TaskSpawner") if seed["metadata"]["name"] == TRIMMED]
    return found


def _read(file: Path) -> Iterator[Case]:
    table = yaml.safe_load(file.read_text())
    for row in table["cases"]:
        for version in table.get("versions", VERSIONS):
            build = _builder(table, version)
            yield Case(
                id=row["id"],
                kind=table["kind"],
                version=version,
                manifest=build(row["spec"]),
                old=build(row["old"]) if "old" in row else None,
                says=row.get("says", ""),
            )


def _builder(table: Manifest, version: str) -> Any:
    def build(spec: Manifest) -> Manifest:
        whole = {name: value for name, value in {**table["base"], **spec}.items() if value is not None}
        meta = {"name": "case"}
        return {"apiVersion": f"kelos.dev/{version}", "kind": table["kind"], "metadata": meta, "spec": whole}

    return build
