"""git in the shell of Gemini CLI, which takes the configuration's credential helpers away from it."""

import os
import subprocess

from kelos.agents.gemini import Gemini
from kelos.agents.protocol import AgentRequest

# What version 0.61.0 puts in the environment of every command, as far as credentials go.
OVERRIDES = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "credential.helper",
    "GIT_CONFIG_VALUE_0": "",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
}


def password(checkout, env):
    """What git would send to the Workspace's host."""
    done = subprocess.run(
        ("git", "credential", "fill"),
        input=b"url=https://git.example/team/app\n\n",
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "HOME": str(checkout), **env, **OVERRIDES},
        capture_output=True,
    )
    return dict(line.split("=", 1) for line in done.stdout.decode().splitlines()).get("password")


def configured(**env):
    return Gemini().configure(AgentRequest(prompt="x", home="/home/agent", workdir="/work", env=env)).env


def test_the_checkout_s_credential_helper_answers_in_gemini_s_shell(tmp_path):
    """Without it no run of this agent can push."""
    subprocess.run(("git", "init", "-q", str(tmp_path)), check=True)
    helper = '!f() { test "$1" = get && echo username=x && echo password=the-token; }; f'
    subprocess.run(("git", "config", "credential.helper", helper), cwd=tmp_path, check=True)

    assert "the-token" == password(tmp_path, configured())


def test_without_a_helper_git_still_has_no_password(tmp_path):
    """And it does not ask itself for ever."""
    subprocess.run(("git", "init", "-q", str(tmp_path)), check=True)

    assert password(tmp_path, configured()) is None


def test_settings_that_were_there_stay():
    given = "'user.name'='somebody'"

    assert configured(GIT_CONFIG_PARAMETERS=given)["GIT_CONFIG_PARAMETERS"].startswith(f"{given} ")
