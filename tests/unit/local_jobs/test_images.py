"""What stands for an image on this host."""

import pytest

from kelos.local.jobs.node.images import ImageCommand, image_table, repository

TABLE = image_table(
    {
        "ghcr.io/kelos/agent": ImageCommand(
            entrypoint=("agent",), programs={"/kelos_entrypoint.sh": ("python", "-m", "kelos.runner", "launch")}
        ),
        "ghcr.io/kelos/agent:special": ImageCommand(entrypoint=("special",)),
    }
)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("ghcr.io/kelos/agent", ("agent", "x")),
        ("ghcr.io/kelos/agent:v1", ("agent", "x")),
        ("ghcr.io/kelos/agent@sha256:00", ("agent", "x")),
        ("ghcr.io/kelos/agent:v1@sha256:00", ("agent", "x")),
        ("ghcr.io/kelos/agent:special", ("special", "x")),
        ("ghcr.io/kelos/other", None),
    ],
)
def test_an_image_is_found_by_name_then_by_repository(image: str, expected: tuple[str, ...] | None) -> None:
    """One line in the table serves every tag."""
    assert expected == TABLE(image, (), ("x",))


def test_known_programs_are_replaced_and_others_stay() -> None:
    """The image's own entrypoint script does not exist here; `sh` does."""
    assert ("python", "-m", "kelos.runner", "launch", "a", "b") == TABLE(
        "ghcr.io/kelos/agent", ("/kelos_entrypoint.sh", "a"), ("b",)
    )
    assert ("sh", "-c", "true") == TABLE("ghcr.io/kelos/agent", ("sh",), ("-c", "true"))


def test_a_port_is_no_tag() -> None:
    """Private registries have one."""
    assert "localhost:5000/agent" == repository("localhost:5000/agent:v1")
