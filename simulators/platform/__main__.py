"""``python -m simulators.platform``: the process."""

from __future__ import annotations

from simulators.common import process
from simulators.common.book import Book
from simulators.common.faults import KINDS
from simulators.platform.control import ControlPort
from simulators.platform.door import Door, chance_faults
from simulators.platform.outgoing import KINDS as OUTGOING
from simulators.platform.outgoing import Hospital
from simulators.platform.platform import Platform
from simulators.platform.plays import PLAYS
from simulators.platform.running import Runner
from simulators.platform.switches import BOARD

_BUSINESSES = sorted(PLAYS)
_URL = "where the hospital side is: {name} as printed, {short} without its prefix, {number}"
_DESCRIPTION = """\
The patient platform (WeChat) of interface 003: patients with wallets who start businesses at the hospital side, the 45
interfaces prefront/…, a ledger. Prints one JSON line with its addresses when it is ready."""

_EPILOG = f"""\
examples:
  visitflow simulate platform --hospital http://127.0.0.1:8000/{{name}} --data ./platform
  curl -X POST $CONTROL/play -d '{{"business": "pay_bill", "patient": 1}}'
  curl -X POST $CONTROL/run -d '{{"count": 10000, "rate": 300, "seed": 7, "mix": {{"pay_bill": 5, "top_up": 3}}}}'
  curl -X PUT $CONTROL/chances -d '{{"out": {{"lose_reply": 0.02, "twice": 0.02}}, "in": {{"doubt_done": 0.1}}}}'

control port (JSON):
  POST /play                 {{"business": ..., "patient": 1, "wait": true, and its options: "amount", "trade", ...}}
                             {", ".join(_BUSINESSES[:9])},
                             {", ".join(_BUSINESSES[9:18])},
                             {", ".join(_BUSINESSES[18:])}
  GET  /plays                ?play=PLAY1: what came of them
  POST, GET /run             {{"count": 100, "rate": 0, "seed": 1, "concurrency": 64, "mix": {{business: weight}}}}
  GET  /ledger               ?trade=... ?lines=no: orders and refunds with their numbers, nobody's name
  GET  /books                bookings, wallets, messages; GET /asked: calls of the hospital by interface and verdict
  POST /faults               of what it serves: {{"fault": kind, "interface": "13.2.1", "trade": ...,
                              "refund": ..., "times": 1, "skip": 0, "delay": 1.0, "code": 10002, "applied": true}}
                             kinds: {", ".join(KINDS[:6])},
                                    {", ".join(KINDS[6:])}
  POST /outgoing             of its own calls: {{"fault": kind, "interface": "3.1.2", "trade": ..., "times": 1,
                              "skip": 0, "delay": 1.0, "when": "after"}}
                             kinds: {", ".join(OUTGOING)}
  GET, DELETE /faults /outgoing   those that wait and have struck; forget those that wait
  PUT  /chances              {{"seed": 0, "out": {{kind: share}}, "in": {{kind or doubt_done, doubt_not: share}}}}
  PUT  /hospital             {{"url": ...}}
  GET, PUT /switches         {{switch: value}}, see below
  PUT  /clock                {{"set": "2026-11-20T23:59:50"}}, {{"jump": seconds}}, {{"offset": ...}}, {{"speed": 60}}

switches (the first value is the default):
{BOARD.help}"""


def main() -> None:
    """Read the command line and serve until SIGTERM."""
    parser = process.arguments("simulators.platform", _DESCRIPTION, _EPILOG, port=8361)
    parser.add_argument("--hospital", default="http://127.0.0.1:8351/{name}", metavar="URL", help=_URL)
    parser.add_argument(
        "--name", type=_name, action="append", default=[], metavar="NUMBER=METHOD", help="other methods"
    )
    parser.add_argument("--patients", type=int, default=12)
    parser.add_argument("--switch", type=BOARD.parse, action="append", default=[], metavar="NAME=VALUE", help="below")
    given = parser.parse_args()
    platform = Platform(given.patients, None if given.data is None else Book(given.data))
    if given.switch:
        platform.note("switches", dict(given.switch))
    faults = chance_faults()
    hospital = Hospital(platform, given.hospital, dict(given.name))
    runner = Runner(platform, hospital)
    door, control = Door(platform, faults), ControlPort(runner, faults)
    process.run(given, door.handle, control.handle, lambda url: {"url": url}, runner.resume)


def _name(argument: str) -> tuple[str, str]:
    number, _, method = argument.partition("=")
    if not method:
        raise ValueError(argument)
    return number, method


if __name__ == "__main__":
    main()
