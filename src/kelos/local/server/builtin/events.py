"""Events have two groups with different field names for one stored object."""

from __future__ import annotations

from kelos.api.kinds import Manifest

_RENAMED = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_BACK = {new: old for old, new in _RENAMED.items()}


def served_as(manifest: Manifest, api_version: str) -> Manifest:
    """The event in the words of the wished group."""
    if manifest.get("apiVersion") == api_version:
        return manifest
    names = _BACK if api_version == "v1" else _RENAMED
    return {**{names.get(key, key): value for key, value in manifest.items()}, "apiVersion": api_version}
