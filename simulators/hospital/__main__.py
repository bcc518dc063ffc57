"""``python -m simulators.hospital``: the process."""

from __future__ import annotations

from simulators.common import process
from simulators.common.book import Book
from simulators.common.faults import KINDS
from simulators.hospital.control import chance_faults, control
from simulators.hospital.door import Door
from simulators.hospital.hospital import Hospital
from simulators.hospital.office import Office
from simulators.hospital.switches import BOARD

_DESCRIPTION = """\
The HIS of a hospital behind the port, over HTTP: POST /{method} with the JSON of interface 003, all 143 methods, from
books of its own with invented people (GET /world). {method} is the name as printed, the same without
`hospital.interface.`, either in snake case, or the number (3.1.2). Prints one JSON line when it is ready."""

_EPILOG = f"""\
examples:
  visitflow simulate hospital --data ./his --switch dedupe=true
  python -m simulators.hospital --port 0 --control-port 0 --patients 200 --capacity 5000
  curl -X POST $CONTROL/faults -d '{{"fault": "lose_reply", "interface": "3.1.2", "times": 2}}'
  curl -X POST $CONTROL/bills -d '{{"patient": "P1", "lines": [{{"item": "A", "price": "10.00"}}]}}'

control port (JSON; everything but the faults goes into the books):
  GET  /ledger               ?trade=... ?lines=no: payments and refunds with their numbers, nobody's name
  GET  /books                what else the businesses led to; GET /asked: calls by interface and code, of this process
  GET  /world                the invented people
  POST /faults               {{"fault": kind, "interface": "3.1.2", "trade": ..., "times": 1, "skip": 0,
                              "delay": 1.0, "code": 40004, "message": ..., "applied": ..., "when": "after"}}
                             kinds: {", ".join(KINDS[:6])},
                                    {", ".join(KINDS[6:])}
  GET, DELETE /faults        those that wait and have struck; forget those that wait
  PUT  /chances              {{"seed": 0, "write": {{kind: share}}, "read": {{kind: share}}, "delay": 0.05}}; what is
                             late is late by `delay`; a new process has none
  GET, PUT /switches         {{switch: value}}, see below
  PUT  /clock                {{"offset": seconds}}, {{"set": "2026-11-20T23:59:50"}} or {{"jump": seconds}}
  PUT  /cards                {{"patient": "P1", "state": "lost", "balance": "9.00", "may_pay": false, ...}}, "new": true
  POST /bills                {{"patient": "P1", "lines": [{{"item", "price", "quantity", "discount"}}], "count": 1}}
  POST /desk                 {{"patient": "P1"}}: pays at the window instead
  PUT  /stays                {{"patient": ...}} or {{"stay": ..., "bed": ..., "out": true, "minimum": "0"}}
  POST /admissions /requests /lessons   {{"patient": ..., "deposit" | "room" | "title": ...}}
  PUT  /progress             {{"id": ..., "state": "seen" | "missed" | "registered" | "cancelled"}}
  PUT  /capacities           {{"D001": 5, "US1": 1, "physical": 0, "choice": 3, "J01": 1, "a day": 1000}}
  PUT  /stopped              {{"D001": true, "Y001": true}}: doctors and items
  POST, PUT /refunds         {{"trade": ..., "amount": ...}}: the window wants money back;
                             {{"refund_no": ..., "state": "done" | "failed", "platform_no": ...}}

switches (the first value is the default):
{BOARD.help}"""


def main() -> None:
    """Read the command line and serve until SIGTERM."""
    parser = process.arguments("simulators.hospital", _DESCRIPTION, _EPILOG, port=8351)
    parser.add_argument("--patients", type=int, default=12, help="how many there are (with --data: the same again)")
    parser.add_argument("--capacity", type=int, default=20, help="places of every slot")
    parser.add_argument("--switch", type=BOARD.parse, action="append", default=[], metavar="NAME=VALUE", help="below")
    given = parser.parse_args()
    book = None if given.data is None else Book(given.data)
    office = Office(Hospital(capacity=given.capacity), book, given.patients)
    if given.switch:
        office.arrange("PUT /switches", dict(given.switch))
    faults = chance_faults()
    door = Door(office, faults)
    process.run(given, door.handle, control(office, faults).handle, lambda url: {"url": url})


if __name__ == "__main__":
    main()
