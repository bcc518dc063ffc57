"""What a campaign came to, as the part of a page."""

from __future__ import annotations

import datetime
from collections import Counter

from tests.payments.campaign import Result
from tests.payments.stage import HIS, OURS, PLATFORM

_NAMES = {OURS: "our process", HIS: "the HIS", PLATFORM: "the platform"}


def figures(result: Result) -> list[str]:
    """Return the lines of the table, in Markdown."""
    plan, verdict = result.plan, result.verdict
    count = sum(verdict.ends.values())
    sums = {name: f"{paid:,.2f} − {back:,.2f} = {paid - back:,.2f}" for name, (paid, back) in verdict.sums.items()}
    struck = result.struck
    rows = {
        "orders": f"{count:,} that agree, {len(verdict.wrong)} complaints (seed {plan.seed})",
        "ended": _told(verdict.ends),
        "killed (SIGKILL)": _told(Counter({_NAMES[who]: number for who, number in result.killed.items()})),
        "notices of the platform": f"{result.notices:,}",
        "faults that struck notices": _of(struck, "notice"),
        "faults of the HIS": _of(struck, "HIS"),
        "faults of the platform's refunds": _of(struck, "refund"),
        "answers lost, and found out": _told(result.ours.doubts),
        "refunds by the window": _told(result.window),
        "people asked (from the HIS's books)": _told(result.asked) or "never",
        "reconciliation flow": _told(Counter(result.reconciled.values())),
        "taken in, given back, yuan: HIS": sums.get("HIS", ""),
        "ours": sums.get("ours", ""),
        "the platform (with what it gave back unbooked)": sums.get("platform", ""),
        "lists that differ from their journals; zombies": (
            f"{result.rebuilt}; {result.zombies} ({result.ours.visits:,} visits)"
        ),
        "time": f"{result.paying:,.0f} s of payments ({count / max(1.0, result.paying):.0f} a second), "
        f"{result.seconds:,.0f} s in all",
    }
    return [
        "| what | figure |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in rows.items()),
        "",
        f"By `python -m tests.payments --count {plan.count} --seed {plan.seed} --kills {plan.ours} "
        f"--others {plan.others}`, {datetime.date.today()}.",
    ]


def _told(counted: Counter[str]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counted.most_common())


def _of(struck: Counter[str], where: str) -> str:
    parts = ((name.partition(": "), number) for name, number in struck.items())
    found = Counter({kind: number for (place, _, kind), number in parts if place == where})
    return f"{sum(found.values()):,}: {_told(found)}"
