"""The agent's raw output as a file of the workspace, for whoever keeps it: an artifact, a later step."""

from __future__ import annotations

import shutil
from pathlib import Path

from kelos.action.documents import place_in
from kelos.errors import UserError


def transcript_places(given: str, folder: Path, keys: tuple[str, ...]) -> dict[str, Path]:
    """Where each Task's is written: as the input says, and of several with the Task's name before the ending."""
    if not given:
        return {}
    path = Path(given)
    names = {key: given if len(keys) == 1 else str(path.with_name(f"{path.stem}-{key}{path.suffix}")) for key in keys}
    places = {key: place_in(folder, name, "transcript-path") for key, name in names.items()}
    for key, place in places.items():
        if place.is_dir():
            raise UserError(f"The transcript-path '{names[key]}' is a folder: give the name of a file in it")
    return places


def hand_over(source: Path, place: Path) -> str:
    """Copy it there; what went wrong, or "" when nothing did."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    except OSError as error:
        return f"The transcript cannot be written to '{place}' ({error.strerror}): `log-file` has it too"
    return ""
