"""How figures are printed: ours, and beside them what they are compared with."""

from __future__ import annotations

from collections.abc import Sequence

from _controller import Used
from _proxy import Counts


def print_times(what: str, ours: Sequence[float], beside: Sequence[float]) -> None:
    text = "  ".join(f"p{p} {at(ours, p) * 1e3:6.0f} ms ({at(ours, p) / at(beside, p):.2f}x)" for p in (50, 99))
    print(f"{what:<34}{text}  beside p50 {at(beside, 50) * 1e3:.0f} p99 {at(beside, 99) * 1e3:.0f} ms")


def at(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many per cent do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def print_used(what: str, before: Used, after: Used, tasks: int) -> None:
    memory, peak = (after.rss_kib - before.rss_kib) / tasks, after.peak_kib / 1024
    cpu = (after.cpu_seconds - before.cpu_seconds) / tasks * 1e3
    print(f"{what}: {memory:.1f} KiB and {cpu:.2f} ms CPU per Task; ", end="")
    print(f"{before.rss_kib / 1024:.0f} MiB before, {peak:.0f} MiB at most")


def print_counts(what: str, counts: Counts, tasks: int) -> None:
    writes, reads = counts.writes(), counts.reads()
    print(f"{what}: {sum(writes.values()) / tasks:.2f} writes, {sum(reads.values()) / tasks:.2f} reads, ", end="")
    print(f"{counts.events() / tasks:.2f} events, {sum(counts.refused.values()) / tasks:.3f} refusals per Task")
    for title, found in (("writes", writes), ("reads", reads), ("refused", counts.refused)):
        listed = ", ".join(f"{name} {count / tasks:.2f}" for name, count in sorted(found.items(), key=lambda i: -i[1]))
        print(f"    {title}: {listed or 'none'}", flush=True)
