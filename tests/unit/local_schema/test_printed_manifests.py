"""Manifests in the guides are admitted as they are printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kelos.install.crds import build_crds
from kelos.local.schema import compile_schema

DOCS = Path(__file__).parents[3] / "docs"
SCHEMAS = {
    (crd["spec"]["names"]["kind"], f"kelos.dev/{version['name']}"): compile_schema(version["schema"]["openAPIV3Schema"])
    for crd in build_crds()
    for version in crd["spec"]["versions"]
}


def printed() -> Iterator[object]:
    for page in sorted(DOCS.glob("*.md")):
        for block in re.findall(r"^```ya?ml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
            for document in yaml.safe_load_all(block):
                if isinstance(document, dict) and str(document.get("apiVersion", "")).startswith("kelos.dev/"):
                    yield pytest.param(document, id=f"{page.stem}-{document['kind']}-{document['metadata']['name']}")


@pytest.mark.parametrize("manifest", list(printed()))
def test_a_printed_manifest_is_admitted(manifest):
    """Who copies it must not have to mend it: nothing is wrong in it, and no field is unknown."""
    admitted = SCHEMAS[manifest["kind"], manifest["apiVersion"]].admit(manifest, None)

    assert (manifest, (), ()) == (admitted.manifest, admitted.causes, admitted.unknown_fields)
