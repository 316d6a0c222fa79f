"""`gh` with the token of this moment: it reads its token from the environment, which is as old as the container."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kelos.api import names

SCRIPT = """#!/bin/sh
if token=$(cat "${token_file}" 2>/dev/null) && test -n "$token"; then
    case "${{{gh_host}:-github.com}}" in
        github.com|*.ghe.com) {token}=$token; export {token} ;;
        *) {enterprise}=$token; export {enterprise} ;;
    esac
fi
exec {program} "$@"
"""


def with_fresh_gh(env: Mapping[str, str]) -> dict[str, str]:
    """The environment with a `gh` before the real one that takes its token from the file; as it was without either."""
    program = shutil.which("gh", path=env.get("PATH", ""))
    if not env.get(names.ENV_TOKEN_FILE) or program is None:
        return dict(env)
    script = SCRIPT.format(
        token_file=names.ENV_TOKEN_FILE,
        gh_host=names.ENV_GH_HOST,
        token=names.ENV_GH_TOKEN,
        enterprise=names.ENV_GH_ENTERPRISE_TOKEN,
        program=shlex.quote(program),
    )
    try:
        folder = Path(tempfile.mkdtemp(prefix="kelos-bin-"))
        (folder / "gh").write_text(script)
        (folder / "gh").chmod(0o755)
        folder.chmod(0o755)
    except OSError:
        return dict(env)  # the environment's own token is good for an hour
    return {**env, "PATH": f"{folder}:{env['PATH']}"}
