"""What the reporter does, in numbers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class ReportMetrics:
    """Reports by channel (`comment`, `check`) and by what came of them (`delivered`, `failed`, `given up`)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reports = Counter("kelos_reports", "Reports to GitHub", ["channel", "result"], registry=registry)

    def reported(self, channel: str, result: str, reports: int) -> None:
        self._reports.labels(channel, result.replace(" ", "_")).inc(reports)
