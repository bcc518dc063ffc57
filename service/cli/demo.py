"""``visitflow demo``: watch four visits, then either exit or keep the service running."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from engine.store import StoredEvent
from service import demo as play
from service.cli.console import TONES, err, language, out, say, settings, table
from service.timeline import Line, timeline

_ACTS: tuple[tuple[str, str, str, Callable[[play.Stage, str], str]], ...] = (
    ("MZDEMO0001", "一切正常", "nothing goes wrong", play.clean),
    ("MZDEMO0002", "结算已生效，回复丢失", "the settlement's reply is lost", play.lost_reply),
    ("MZDEMO0003", "结算途中引擎被 SIGKILL，重新启动", "SIGKILL while the settlement is in the air", play.killed),
    ("MZDEMO0004", "已结算，全部撤回到起点", "reversed from settled to the start", play.reversed_to_start),
)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Exit afterwards instead of keeping the service up.")] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Where to put data and logs; default: a temporary folder.")
    ] = None,
) -> None:
    """Four visits through a real HTTP peer, one of them across a SIGKILL; then both ledgers side by side.

    Example: `visitflow demo --once`
    """
    place = folder or Path(tempfile.mkdtemp(prefix="visitflow-demo-"))
    english = language() == "en"
    began = time.monotonic()
    try:
        with play.stage(place, settings().site) as stage:
            out.print(f"{'centre' if english else '中心'}  {stage.centre.ready['url']}", markup=False)
            out.print(f"{'service' if english else '服务'}  {stage.api}", markup=False)
            visits = []
            for index, (key, chinese, words, act) in enumerate(_ACTS):
                out.rule(f"({'abcd'[index]}) {words if english else chinese} · {key}", align="left")
                with out.status("…"):
                    visits.append((key, act(stage, key)))
                _print_timeline(stage, visits[-1][1])
            agree = _print_ledgers(stage, visits)
            out.print(f"{time.monotonic() - began:.1f} s · {place}", style="dim", markup=False)
            if not agree:
                raise typer.Exit(6)
            if not once:
                _stay(stage, english)
    except play.DemoFailed as error:
        err.print(Text(f"{error} · {place}", style="bold red"))
        raise typer.Exit(1) from None


def _print_timeline(stage: play.Stage, visit: str) -> None:
    journal = stage.call("GET", f"/api/v1/visits/{visit}/journal?raw=true")
    stored = [StoredEvent(each["seq"], each["at_us"], each["kind"], each["payload"]) for each in journal]
    table(
        ("", "time", "event", "what"),
        [_row(line) for line in timeline(stored, language())],
    )


def _row(line: Line) -> tuple[str, str, str, Text]:
    return str(line.seq), line.time, line.kind, Text(line.text, style=TONES[line.tone])


def _print_ledgers(stage: play.Stage, visits: list[tuple[str, str]]) -> bool:
    totals = stage.control("GET", "/ledger")["totals"]
    rows: list[tuple[str | Text, ...]] = []
    agree = True
    for key, visit in visits:
        ours = play.our_books(stage.call("GET", f"/api/v1/visits/{visit}"))
        theirs = play.centre_books(totals, key)
        same = ours == theirs
        agree = agree and same
        for side, books in (("ours", ours), ("centre", theirs)):
            rows.append(
                (
                    key if side == "ours" else "",
                    say(side),
                    str(books.registrations),
                    *(f"{amount:.2f}" for amount in (books.lines, books.settled, books.fund, books.own)),
                    Text("=" if same else "≠", style="green" if same else "bold red"),
                )
            )
    out.rule(f"{say('ours')} / {say('centre')}", align="left")
    table(("key", "side", "registrations", "lines", "total", "fund", "self", ""), rows)
    verdict = f"{say('agree' if agree else 'differ')}: {len(visits)}/{len(visits)}" if agree else say("differ")
    out.print(Text(verdict, style="bold green" if agree else "bold red"))
    return agree


def _stay(stage: play.Stage, english: bool) -> None:
    """Keep service and centre up until Ctrl-C or SIGTERM."""
    words = "running at" if english else "服务运行于"
    end = "Ctrl-C ends it" if english else "按 Ctrl-C 结束"
    out.print(f"{words} {stage.api} · {end}", markup=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while stage.service.child is not None and stage.service.child.poll() is None:
            time.sleep(0.5)
    except KeyboardInterrupt:
        pass
