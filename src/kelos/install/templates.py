"""The chart's CRD templates: the definitions as YAML, wrapped in the switches of `values.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import yaml

from kelos.api.kinds import Manifest
from kelos.install.crds import build_crds

FOLDER = "charts/kelos/templates/crds"

_KEEP = """metadata:
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""


def crd_templates() -> Iterator[tuple[str, str]]:
    """Path and content of one template per definition."""
    for crd in build_crds():
        yield f"{FOLDER}/{crd['spec']['names']['plural']}.yaml", crd_template(crd)


def documents(manifests: Iterable[Manifest]) -> str:
    """One stream of YAML documents, for `kubectl apply -f -`."""
    return yaml.dump_all(manifests, Dumper=yaml.CSafeDumper, sort_keys=False, width=120, allow_unicode=True)


def crd_template(crd: Manifest) -> str:
    """One definition under the switches; Helm gives back exactly its text."""
    text = yaml.dump(crd, Dumper=yaml.CSafeDumper, sort_keys=False, width=120, allow_unicode=True)
    # What looks like an action to Helm is text of ours: a description that shows a Go template, for example.
    text = text.replace("{{", '{{ "{{" }}').replace("metadata:\n", _KEEP, 1)
    note = "{{- /* Generated from src/kelos/api by `make generate`; do not edit. */ -}}\n"
    return f"{note}{{{{- if .Values.crds.install }}}}\n{text}{{{{- end }}}}\n"
