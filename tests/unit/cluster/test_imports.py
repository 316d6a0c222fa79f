"""Commands that talk to no cluster must not pay for the libraries that do."""

import subprocess
import sys


def test_the_client_module_is_light() -> None:
    """Importing an HTTP library or the official client costs more than the rest of a command's start."""
    program = (
        "import sys, kelos.cluster.client, kelos.cluster.kubeconfig, kelos.cluster.watch, kelos.cluster.queue;"
        "print([name for name in ('kubernetes', 'aiohttp', 'yaml', 'cryptography') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)

    assert "[]\n" == answer.stdout
