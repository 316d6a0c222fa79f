"""What containers inherit from the host."""

from kelos.local.jobs.settings import host_environment


def test_keys_stay_with_the_host() -> None:
    """Only the search path, language and time zone are handed on."""
    host = {"PATH": "/bin", "TZ": "UTC", "ANTHROPIC_API_KEY": "k", "GITHUB_TOKEN": "t", "HOME": "/root"}

    assert {"PATH": "/bin", "LANG": "C.UTF-8", "TZ": "UTC"} == host_environment(host)
