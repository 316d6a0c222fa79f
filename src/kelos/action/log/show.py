"""Turns raw log lines into what a person wants to read, with the help of the agent's own reader."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from kelos.agents.protocol import Line, Shown
from kelos.agents.registry import reader_for
from kelos.api.names import CONTAINER_AGENT, MARKER_END, MARKER_START
from kelos.api.outcome import Usage

Amount = TypeVar("Amount", Decimal, int)
UNFINISHED_LIMIT = 2000  # an answer may come in pieces; a person shall not wait for the end of a long paragraph


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Money and tokens of several attempts; None where no agent said anything."""

    cost: Decimal | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None

    def __add__(self, usage: Usage) -> Spent:
        inputs = (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
        read = None if all(count is None for count in inputs) else sum(count or 0 for count in inputs)
        return Spent(
            cost=_sum(self.cost, None if usage.cost_usd is None else Decimal(usage.cost_usd)),
            tokens_in=_sum(self.tokens_in, read),
            tokens_out=_sum(self.tokens_out, usage.output_tokens),
        )

    def __str__(self) -> str:
        words = [f"${self.cost:.2f}" if self.cost >= 1 else f"${self.cost:.4f}"] if self.cost is not None else []
        counts = (("in", self.tokens_in), ("out", self.tokens_out))
        told = [f"{_short(count)} {way}" for way, count in counts if count is not None]
        return ", ".join([*words, *([f"tokens {' '.join(told)}"] if told else [])])


class Show:
    """Takes raw lines in, gives readable lines out.

    The outputs block at the end is for machines and is left out. A new pod is a new attempt, whose stream begins anew.
    """

    def __init__(self, agent_type: str, *, is_raw: bool = False) -> None:
        self._agent_type, self._is_raw = agent_type, is_raw
        self._reader = reader_for(agent_type)
        self._pod = ""
        self._before = Spent()
        self._is_in_block = False
        self._unfinished = ""
        self._turns = 0

    @property
    def spent(self) -> Spent:
        return self._before + self._reader.so_far

    def feed(self, container: str, line: str, pod: str = "") -> str:
        """The readable text of one line, "" when there is nothing to see."""
        if container != CONTAINER_AGENT:
            return self._with_the_rest(line)
        if pod != self._pod:
            self._before, self._pod = self.spent, pod
            self._reader, self._is_in_block = reader_for(self._agent_type), False
        shown = self._reader.feed(line)
        if self._is_raw:
            return line
        marker = line.strip()
        if marker == MARKER_START:
            self._is_in_block = True
        if self._is_in_block:
            self._is_in_block = marker != MARKER_END
            return self._with_the_rest("")
        text = self._unfinished + "".join(self._worded(piece) for piece in shown)
        whole, _, self._unfinished = text.rpartition("\n")
        if len(self._unfinished) > UNFINISHED_LIMIT:
            whole, self._unfinished = "\n".join(part for part in (whole, self._unfinished) if part), ""
        return whole

    def end(self) -> str:
        """What came without an end of line."""
        return self._with_the_rest("")

    def _with_the_rest(self, text: str) -> str:
        rest, self._unfinished = self._unfinished, ""
        return "\n".join(part for part in (rest, text) if part)

    def _worded(self, piece: Shown) -> str:
        if piece.line is Line.TOOL:
            return f"  {piece.text}"
        if piece.line is Line.TURN:
            self._turns += 1
            spent = str(self.spent)
            return f"\n--- Turn {self._turns}{f' ({spent} so far)' if spent else ''} ---\n"
        return piece.text


def _sum(ours: Amount | None, more: Amount | None) -> Amount | None:
    return more if ours is None else ours if more is None else ours + more


def _short(count: int) -> str:
    for limit, letter in ((1_000_000, "M"), (1000, "k")):
        if count >= limit:
            return f"{count / limit:.1f}{letter}"
    return str(count)
