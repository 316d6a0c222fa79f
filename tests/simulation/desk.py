"""GitHub, as far as it gives out installation tokens: short-lived ones, each another, and sometimes none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from kelos.api.kinds import Manifest
from kelos.clients.github_app import Grant, Token
from kelos.errors import TokenUnavailable
from simulation.door import Weather

TOKEN_BEGINNING = "ghs_simulated_token_0000"
"""All tokens begin like this; its length keeps it visible in base64, too."""
LIFE = timedelta(minutes=13)
"""Of a token: so short that agents outlive one."""


@dataclass
class Desk:
    """Implements `kelos.apply.Tokens`."""

    now: Callable[[], datetime]
    weather: Weather
    rng: Random
    minted: int = 0

    async def mint(self, app: Manifest, grant: Grant) -> Token:
        if self.rng.random() < self.weather.amount("no tokens"):
            raise TokenUnavailable("GitHub is away", retry_in_seconds=5.0)
        self.minted += 1
        return Token(text=f"{TOKEN_BEGINNING}{self.minted:04}", expires_at=self.now() + LIFE)
