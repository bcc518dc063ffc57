"""``python -m simulators.his``: the process."""

from __future__ import annotations

from simulators.common import process
from simulators.common.book import Book
from simulators.common.faults import KINDS, Faults
from simulators.common.http import Request, Response
from simulators.his.back_end import BackEnd
from simulators.his.door import PATHS, Door, control
from simulators.his.office import Office
from simulators.his.switches import BOARD
from simulators.his.tickets import Tickets

_DESCRIPTION = """\
A hospital's HIS back end (interface 004), with invented patients: POST /api/Login/Token,
/api/MzSettle/GetUnSettleBillByDoctor, /api/MzSettle/SettleByDoctor.
Prints one JSON line with its addresses when it is ready."""

_EPILOG = f"""\
control port (JSON; everything but the faults goes into the books):
  GET  /ledger                what the books say, without names and card numbers
  POST /registrations         {{"RegNo": ...}}, and: CardNo, name, department, doctor
  POST /bills                 {{"RegNo": ..., "items": [{{"name": ..., "price": ..., "count": ...}}], "fund": ...}}
  PUT  /bills                 {{"BILLID": ..., "items": ..., "fund": ..., "withdrawn": true}}
  POST /window                {{"BILLID": ...}}: paid at the window instead
  PUT  /tokens                {{"life": seconds}} of tokens to come; {{"expire": true}}: all there are have expired
  PUT  /clock                 {{"offset": seconds}} by which the HIS's clock is wrong
  PUT  /switches              {{switch: value}}, see below
  POST /faults                {{"fault": kind, "interface": "SettleByDoctor", "RegNo": ..., "RegSerNo": ...,
                               "BILLID": ..., "SerialNumber": ..., "times": 1, "skip": 0, "delay": 1.0,
                               "code": 2, "applied": ..., "when": "after"}}
                              kinds: {", ".join(KINDS)}
  GET, DELETE /faults         those that wait and have struck; forget those that wait

switches (the first value is the default):
{BOARD.help}"""


def main() -> None:
    """Read the command line and serve until SIGTERM."""
    parser = process.arguments("simulators.his", _DESCRIPTION, _EPILOG, port=8080)
    parser.add_argument("--user", default="visitflow")
    parser.add_argument("--password", default="", help="default: any is right")
    parser.add_argument("--token-life", type=int, default=7200, metavar="SECONDS")
    parser.add_argument("--switch", type=BOARD.parse, action="append", default=[], metavar="NAME=VALUE", help="below")
    given = parser.parse_args()
    tickets = Tickets(given.user, given.password, given.token_life)
    office = Office(BackEnd(tickets=tickets), None if given.data is None else Book(given.data))
    if given.switch:
        office.arrange("PUT /switches", dict(given.switch))
    faults, door = Faults(), Door(office)

    async def protocol(request: Request) -> Response | None:
        if request.method != "POST" or request.path not in PATHS:
            return Response(b"not found", status=404, content_type="text/plain")
        return await faults.answer(door.exchange(request))

    process.run(given, protocol, control(office, faults).handle, lambda url: {"url": url})


if __name__ == "__main__":
    main()
