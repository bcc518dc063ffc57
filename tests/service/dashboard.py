"""Writes docs/observability/dashboard.json and the table of metrics: ``python -m tests.service.dashboard``."""

# ruff: noqa: E501 - queries are read as lines

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from service.watching.catalogue import metrics

DOCS = Path(__file__).parents[2] / "docs"
DASHBOARD = DOCS / "observability" / "dashboard.json"
PAGE = DOCS / "observability.md"

#: Row by row: title, unit, expressions with what they are called in the legend.
PANELS: list[list[tuple[str, str, dict[str, str]]]] = [
    [
        (
            "卡住的就诊 Stuck visits",
            "short",
            {'sum by (flow, cause) (visitflow_visits{status="stuck"})': "{{flow}} {{cause}}"},
        ),
        ("无人照看 Audit gaps", "short", {"sum(visitflow_audit_gaps) or vector(0)": "gaps"}),
        ("结果不明 Open doubts", "short", {"visitflow_doubts_open": "{{flow}}"}),
        ("最久不明 Oldest doubt", "s", {"visitflow_doubt_age_seconds": "{{flow}}"}),
    ],
    [
        ("就诊 Visits by state", "short", {"sum by (flow, state) (visitflow_visits)": "{{flow}} {{state}}"}),
        ("在等什么 Waiting for", "short", {"sum by (reason) (visitflow_visits_waiting)": "{{reason}}"}),
        ("到期延迟 Due and not taken", "s", {"visitflow_due_delay_seconds": "delay", "visitflow_visits_due": "visits"}),
    ],
    [
        (
            "流转 Transitions",
            "ops",
            {"sum by (flow, direction) (rate(visitflow_transitions_total[5m]))": "{{flow}} {{direction}}"},
        ),
        (
            "调用结果 Calls by outcome",
            "ops",
            {"sum by (adapter, outcome) (rate(visitflow_calls_total[5m]))": "{{adapter}} {{outcome}}"},
        ),
        (
            "调用耗时 Call time, 95 %",
            "s",
            {
                "histogram_quantile(0.95, sum by (adapter, operation, le) (rate(visitflow_call_seconds_bucket[5m])))": "{{adapter}} {{operation}}"
            },
        ),
    ],
    [
        ("对端连续失败 Peer failures in a row", "short", {"visitflow_peer_failures_in_a_row": "{{adapter}}"}),
        ("对端时钟 Peer clocks", "s", {"visitflow_peer_clock_ahead_seconds": "{{adapter}}"}),
        (
            "重试 Retries",
            "ops",
            {"sum by (flow, operation) (rate(visitflow_retries_total[5m]))": "{{flow}} {{operation}}"},
        ),
        (
            "定时延迟 Timer delay, 95 %",
            "s",
            {"histogram_quantile(0.95, rate(visitflow_timer_delay_seconds_bucket[15m]))": "delay"},
        ),
    ],
    [
        (
            "提交耗时 Commit time",
            "s",
            {f"histogram_quantile({q}, rate(visitflow_commit_seconds_bucket[5m]))": q for q in ("0.5", "0.95")},
        ),
        (
            "每次提交 Writes a commit",
            "short",
            {"rate(visitflow_commit_jobs_sum[5m]) / rate(visitflow_commit_jobs_count[5m])": "mean"},
        ),
        (
            "错误 Errors",
            "ops",
            {
                f"rate({name}[5m])": name.removeprefix("visitflow_")
                for name in (
                    "visitflow_database_errors_total",
                    "visitflow_lease_losses_total",
                    "visitflow_runner_failures_total",
                    "visitflow_scrape_errors_total",
                )
            },
        ),
        ("派工 Dispatch", "ops", {"sum by (what) (rate(visitflow_dispatch_total[5m]))": "{{what}}"}),
        ("磁盘 Disk free", "bytes", {"visitflow_disk_free_bytes": "free"}),
    ],
    [
        ("进展通知 Deliveries", "short", {"visitflow_deliveries": "{{state}}"}),
        ("计划任务 Schedules", "short", {"visitflow_schedule_last_result": "{{schedule}} {{result}}"}),
        (
            "内存与处理器 Process",
            "short",
            {"process_resident_memory_bytes": "memory", "rate(process_cpu_seconds_total[5m])": "cores"},
        ),
        ("报警 Alerts", "short", {'sum by (rule) (visitflow_alerts{state="firing"})': "{{rule}}"}),
    ],
]


def dashboard() -> dict[str, Any]:
    """The dashboard, as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    for row, line in enumerate(PANELS):
        width = 24 // len(line)
        for column, (title, unit, queries) in enumerate(line):
            panels.append(
                {
                    "id": len(panels) + 1,
                    "type": "timeseries",
                    "title": title,
                    "datasource": {"type": "prometheus", "uid": "${source}"},
                    "gridPos": {"h": 7, "w": width, "x": column * width, "y": row * 7},
                    "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
                    "targets": [
                        {"refId": chr(ord("A") + n), "expr": query, "legendFormat": legend}
                        for n, (query, legend) in enumerate(queries.items())
                    ],
                }
            )
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    return {
        "title": "visitflow",
        "uid": "visitflow",
        "schemaVersion": 39,
        "tags": ["visitflow"],
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [source]},
        "panels": panels,
    }


def table() -> str:
    """The table of metrics."""
    rows = ["| metric | type | labels | 含义 | meaning |", "| --- | --- | --- | --- | --- |"]
    for metric in metrics().values():
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append(f"| `{metric.name}` | {metric.type} | {labels} | {metric.zh} | {metric.en} |")
    return "\n".join(rows)


def renewed() -> str:
    """The page with its table made anew."""
    text = PAGE.read_text(encoding="utf-8")
    return re.sub(
        r"(<!-- metrics: [^\n]*-->\n).*?(<!-- end -->)", lambda m: f"{m[1]}{table()}\n{m[2]}", text, flags=re.S
    )


def as_text() -> str:
    """The dashboard's file."""
    return json.dumps(dashboard(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    DASHBOARD.write_text(as_text(), encoding="utf-8")
    PAGE.write_text(renewed(), encoding="utf-8")
