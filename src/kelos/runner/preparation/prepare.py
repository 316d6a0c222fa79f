"""The preparing container: checkout, files, plugins and skills, or one sentence that says why not."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from kelos.api.reasons import Reason
from kelos.runner.failure import Failure
from kelos.runner.preparation.checkout import check_out
from kelos.runner.preparation.inputs import place_files, place_plugins
from kelos.runner.preparation.leftovers import mark, tidy
from kelos.runner.preparation.request import PrepareRequest, read_request
from kelos.runner.preparation.skills import install_skills
from kelos.runner.redaction import known_secrets, redact
from kelos.runner.report import failed, note, without_secrets, write_document


def prepare(env: Mapping[str, str]) -> int:
    """Do it and return the exit code."""
    os.umask(0o022)
    # As the first process of a container we would not even notice it without this.
    signal.signal(signal.SIGTERM, _cancel)
    secrets = known_secrets(env)
    try:
        _prepare(read_request(env))
    except Failure as failure:
        return _give_up(failure, secrets, env)
    except OSError as error:
        said = f"The workspace cannot be prepared: {error.strerror or error} ({error.filename or 'no file'})"
        return _give_up(Failure(Reason.SETUP_FAILED, said), secrets, env)
    return 0


def _cancel(_: int, __: object) -> None:
    raise Failure(Reason.CANCELLED, "The Task was asked to end while its workspace was prepared")


def _prepare(request: PrepareRequest) -> None:
    if request.repo:
        wanted = f" at '{request.ref}'" if request.ref else ""
        note(f"checking out '{request.shown_repo}'{wanted}")
        if request.tidy_dir:
            tidy(Path(request.tidy_dir), Path(request.directory), request.repo)
        check_out(request)
        if request.tidy_dir:
            mark(Path(request.directory), request.repo)
        if request.inputs_dir and (count := place_files(request.inputs_dir, request.directory)):
            note(f"wrote {count} workspace files")
    if request.plugin_dir and request.inputs_dir and (count := place_plugins(request.inputs_dir, request.plugin_dir)):
        note(f"wrote {count} plugin files")
    if request.plugin_dir and request.skills:
        note(f"installed {install_skills(request.skills, request.plugin_dir)} skills")


def _give_up(failure: Failure, secrets: frozenset[str], env: Mapping[str, str]) -> int:
    note(redact(str(failure), secrets))
    write_document(without_secrets(failed(failure), secrets), env)
    return failure.exit_code
