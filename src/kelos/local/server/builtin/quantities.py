"""Amounts of resources: which texts are one, and that nobody requests more than his limit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from kelos.local.server.refusals import Cause

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}))([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = "KMGTPE"


def amount_of(quantity: object) -> Decimal | None:
    """The number that a quantity stands for; None for what is no quantity."""
    found = _QUANTITY.fullmatch(str(quantity)) if isinstance(quantity, str | int | float) else None
    if found is None or isinstance(quantity, bool):
        return None
    number, suffix = Decimal(found[1]), found[2] or ""
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix])
    if suffix.endswith("i"):
        return number * Decimal(1024) ** (_BINARY.index(suffix[0]) + 1)
    return number.scaleb(int(suffix[1:]))


def check_resources(resources: Any, field: str) -> Iterator[Cause]:
    """What is wrong with the resources of a container."""
    asked = resources if isinstance(resources, dict) else {}
    limits, requests = (asked.get(part) or {} for part in ("limits", "requests"))
    for part, amounts in (("limits", limits), ("requests", requests)):
        for name, quantity in amounts.items():
            amount = amount_of(quantity)
            if amount is None:
                text = f'Invalid value: "{quantity}": must be a quantity such as 500m or 2Gi'
                yield Cause(field=f"{field}.{part}[{name}]", message=text)
            elif amount < 0:
                text = f'Invalid value: "{quantity}": must be greater than or equal to 0'
                yield Cause(field=f"{field}.{part}[{name}]", message=text)
    for name, quantity in requests.items():
        wanted, most = amount_of(quantity), amount_of(limits.get(name))
        if wanted is not None and most is not None and wanted > most:
            text = f'Invalid value: "{quantity}": must be less than or equal to {name} limit of {limits[name]}'
            yield Cause(field=f"{field}.requests", message=text)
