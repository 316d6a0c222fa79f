"""The engine's command line program, called as a person would call it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from kelos.local.jobs.engine.argv import list_of_plane

QUESTION_SECONDS = 60.0
"""An engine that hangs longer than this has failed."""
PULL_SECONDS = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    code: int
    out: str
    error: str

    @property
    def sentence(self) -> str:
        """What the engine said last about its failure."""
        lines = [line.strip() for line in (self.error or self.out).splitlines() if line.strip()]
        return lines[-1] if lines else f"it ended with {self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """`name` is docker or podman, `program` its full path, `environment` what it needs of ours."""

    name: str
    program: str
    environment: Mapping[str, str] = field(default_factory=dict)

    async def ask(
        self, *words: str, variables: Mapping[str, str] | None = None, seconds: float = QUESTION_SECONDS
    ) -> Answer:
        """Call it and wait for its end."""
        process = await self.begin(*words, variables=variables)
        try:
            async with asyncio.timeout(seconds):
                out, error = await process.communicate()
        except TimeoutError:
            return Answer(code=124, out="", error=f"{self.name} {words[0]} did not end within {seconds:g} s")
        finally:
            if process.returncode is None:
                process.kill()
        return Answer(code=process.returncode or 0, out=out.decode("utf-8", "replace"), error=_text(error))

    async def begin(self, *words: str, variables: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
        """Call it; Ctrl-C on our terminal does not reach it."""
        return await asyncio.create_subprocess_exec(
            self.program, *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, start_new_session=True, env={**(variables or {}), **self.environment},
        )  # fmt: skip

    async def remove_all(self, plane: str) -> None:
        """Remove every container of a plane, running ones included."""
        if ids := (await self.ask(*list_of_plane(plane))).out.split():
            await self.ask("rm", "--force", "--volumes", *ids)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
