"""``python -m simulators.jiangsu``: the process."""

from __future__ import annotations

from typing import Any

from simulators.common import process
from simulators.common.book import Book
from simulators.common.faults import KINDS, Faults
from simulators.common.http import Request, Response
from simulators.jiangsu.control import control
from simulators.jiangsu.doors import DLL, GATEWAY, doors
from simulators.jiangsu.gateway import Gateway
from simulators.jiangsu.switches import BOARD

_DESCRIPTION = """\
A work-injury insurance centre of Jiangsu, with invented people, behind two doors on one port:
the gateway of interface 000 (POST /api/entry/workinjury) and the shared library's functions
(POST /dll/Si_INIT, /dll/Si_Busi, /dll/INIT, /dll/BUSINESS_HANDLE: the body is the text of `in`,
the answer's body that of `out`, the header X-Return the return value).
Prints one JSON line with its addresses when it is ready."""

_EPILOG = f"""\
control port (JSON; everything but the faults goes into the books):
  GET  /ledger                what the books say, without names and identity numbers
  POST /faults                {{"fault": kind, "transactionCode": "2207", "ipt_otp_no": ..., "action": ...,
                               "times": 1, "skip": 0, "delay": 1.0, "code": 2001, "applied": ..., "when": "after"}}
                              kinds: {", ".join(KINDS)}
  GET, DELETE /faults         those that wait and have struck; forget those that wait
  PUT  /switches              {{switch: value}}, see below
  PUT  /reader                {{"qrCodeInfo": credential of the card in the reader, or null}}
  POST /sign-out              every sign-in is void
  PUT  /clock                 {{"offset": seconds}} by which the centre's clock is wrong
  POST /deductions            {{"ipt_otp_no": ...}}, and: rxno, feedetl_sn, deduct_amt, deduct_reason, audit_time
  PUT  /appeals               {{"deduct_no": ..., "appeal_stas": "2" accepted or "3" rejected}}
  PUT  /amounts               {{"ipt_otp_no": ..., "medfee_sumamt": ..., "hifp_pay": ..., "psn_cash_pay": ...}}:
                              what 1320, 1321 and 9103 say of its settlement, in place of what 2207 said

switches (the first value is the default):
{BOARD.help}"""


def main() -> None:
    """Read the command line and serve until SIGTERM."""
    parser = process.arguments("simulators.jiangsu", _DESCRIPTION, _EPILOG, port=8321)
    parser.add_argument("--dll-encoding", choices=("gbk", "utf-8"), help="code page of the library (default: gbk)")
    parser.add_argument("--switch", type=BOARD.parse, action="append", default=[], metavar="NAME=VALUE", help="below")
    given = parser.parse_args()
    gateway = Gateway(book=None if given.data is None else Book(given.data))
    wanted: dict[str, Any] = dict(given.switch)
    if given.dll_encoding is not None:
        wanted["dll_encoding"] = given.dll_encoding
    if wanted:
        gateway.office.arrange("PUT /switches", wanted)
    faults, paths = Faults(), doors(gateway)

    async def protocol(request: Request) -> Response | None:
        door = paths.get(request.path)
        if request.method != "POST" or door is None:
            return Response(b"not found", status=404, content_type="text/plain")
        return await faults.answer(door.exchange(request))

    process.run(given, protocol, control(gateway, faults).handle, lambda url: {"url": url + GATEWAY, "dll": url + DLL})


if __name__ == "__main__":
    main()
