"""``python -m simulators.neimenggu``: the process."""

from __future__ import annotations

from simulators.common import process
from simulators.common.book import Book
from simulators.common.faults import KINDS, Faults
from simulators.neimenggu.control import control
from simulators.neimenggu.door import Door
from simulators.neimenggu.office import Office
from simulators.neimenggu.switches import BOARD

_DESCRIPTION = """\
The work-injury centre of Inner Mongolia (interface 002) with invented people, over HTTP.
It starts with hospital 10000001, user `hospital`, password `secret`, AES key 0123456789ABCDEF0123456789ABCDEF,
a small catalogue and four people (GET /world). Prints one JSON line with its addresses when it is ready."""

_EPILOG = f"""\
examples:
  visitflow simulate neimenggu --data ./centre
  python -m simulators.neimenggu --port 0 --control-port 0 --switch encrypted_answers=true
  curl -X POST $CONTROL/faults -d '{{"fault": "lose_reply", "interface": "4.10", "akc190": "ZY1", "times": 2}}'
  curl -X POST $CONTROL/people -d '{{"injury": "R1", "cure": "S1", "card": "A1"}}'

control port (JSON; everything but the faults goes into the books):
  GET  /ledger               ?akc190=... ?lines=no: what the books say, without names and identity numbers
  GET  /world                the invented records
  POST /faults               {{"fault": kind, "interface": "4.10" or "method": ..., "akc190": ..., "times": 1,
                              "skip": 0, "delay": 1.0, "code": 99999, "message": ..., "applied": ..., "when": "after"}}
                             kinds: {", ".join(KINDS[:6])},
                                    {", ".join(KINDS[6:])}
  GET, DELETE /faults        those that wait and have struck; forget those that wait
  GET, PUT /switches         {{switch: value}}, see below
  PUT  /clock                {{"offset": seconds}}, {{"set": "2026-11-20T23:59:50"}} or {{"jump": seconds}}
  DELETE /sessions           every log-in has expired
  PUT  /busy                 {{"akc190": ..., "busy": true}}: its leaving is being worked on (110021)
  POST /people               {{"injury": alca02, "cure": aae073, "report": number, "filing": serial, "card": aaz500,
                              "aab001": ..., "aab301": ..., "insured": "1", "ale021": ..., "jxzl": ...}}, any of them
  PUT  /hospitals /users /employers /people /injuries /cures /reports /filings /cards /items
                             make or change one record, by its number; /reports also takes "delay" (seconds)
  POST, DELETE /applications {{"akc190": ..., "rolltype": "0"}}: apply for settlement on the web, or withdraw
  POST /deductions           {{"akc190": ..., "serial": of the charge, "amount": ..., "reason": AKA073}}: by the agency
  POST, DELETE /reviews      {{"akc190": ...}}: the agency finishes its review, or takes it back

switches (the first value is the default):
{BOARD.help}"""


def main() -> None:
    """Read the command line and serve until SIGTERM."""
    parser = process.arguments("simulators.neimenggu", _DESCRIPTION, _EPILOG, port=8331)
    parser.add_argument("--switch", type=BOARD.parse, action="append", default=[], metavar="NAME=VALUE", help="below")
    given = parser.parse_args()
    office = Office(book=None if given.data is None else Book(given.data))
    if given.switch:
        office.arrange("PUT /switches", dict(given.switch))
    faults = Faults()
    door = Door(office, faults)
    process.run(given, door.handle, control(office, faults).handle, lambda url: {"url": url})


if __name__ == "__main__":
    main()
