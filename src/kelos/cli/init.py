"""`kelos init`: a config file to fill in."""

from __future__ import annotations

import os

import click

from kelos.cli.screen import own_command
from kelos.cli.settings import Context, pass_settings
from kelos.errors import UserError

TEMPLATE = """\
# Defaults for `kelos run`. Flags win over this file.

# How the agent signs in. A value may be @file. kelos stores it in the Secret kelos-credentials.
# claude-code: `claude setup-token`; codex: oauthToken: "@~/.codex/auth.json"; others: an API key.
oauthToken: ""
# apiKey: ""

# An existing Secret instead of a token here; it wins over the two above.
# secret: my-secret
# credentialType: api-key

# type: claude-code        # claude-code, codex, gemini, opencode, cursor, demo
# model: ""
# effort: ""
# namespace: default
# agentConfig: my-agent-config

# The repository to work in: a Workspace that exists …
# workspace:
#   name: my-workspace
# … or a repository; kelos makes the Workspace kelos-workspace for it.
# workspace:
#   repo: https://github.com/your-org/repo.git
#   ref: main
#   token: "@~/.config/github-token"
# … or with a GitHub App.
# workspace:
#   repo: https://github.com/your-org/repo.git
#   githubApp:
#     appID: "12345"
#     installationID: "67890"
#     privateKeyPath: ~/.config/my-app.private-key.pem

# env:
#   - name: HTTPS_PROXY
#     value: http://proxy.example:3128
#   - name: NPM_TOKEN
#     valueFrom:
#       secretKeyRef: {name: npm, key: token}
"""

NEXT = """\
Wrote {path}

Next:
  1. get credentials for your agent (the file says where)
  2. edit {path}
  3. try without a cluster:  {kelos} run --local --type demo -p 'say hello'
  4. run a Task:             {kelos} run -p 'Fix the flaky test' --wait
"""


@click.command("init")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing file.")
@pass_settings
def command(settings: Context, force: bool) -> None:
    """Write a config file to fill in."""
    path = settings.config_file
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        file = os.open(path, flags, 0o600)
    except FileExistsError:
        raise UserError(f"Config file '{path}' exists; edit it, or overwrite it with --force") from None
    with os.fdopen(file, "w", encoding="utf-8") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(TEMPLATE)
    click.echo(NEXT.format(path=path, kelos=own_command()))
