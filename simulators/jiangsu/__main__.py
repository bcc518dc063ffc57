"""``python -m simulators.jiangsu``: the process."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

from simulators.jiangsu.book import Book
from simulators.jiangsu.control import Control
from simulators.jiangsu.doors import DLL, GATEWAY, doors
from simulators.jiangsu.faults import KINDS, Faults
from simulators.jiangsu.gateway import Gateway
from simulators.jiangsu.http import Request, Response, Server
from simulators.jiangsu.switches import HELP, parse

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
{HELP}"""


def main() -> None:
    """Read the command line and serve until SIGTERM."""
    parser = argparse.ArgumentParser(
        *("simulators.jiangsu", None, _DESCRIPTION, _EPILOG),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8321, help="both doors; 0 picks a free port")
    parser.add_argument("--control-port", type=int, default=8322, help="faults and ledger; 0 picks a free port")
    parser.add_argument("--data", type=Path, help="folder of the centre's books; without it, memory only")
    parser.add_argument("--ready-file", type=Path, help="write the ready line here as well")
    parser.add_argument("--dll-encoding", choices=("gbk", "utf-8"), help="code page of the library (default: gbk)")
    parser.add_argument("--switch", type=parse, action="append", default=[], metavar="NAME=VALUE", help="see below")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> None:
    gateway = Gateway(book=None if arguments.data is None else Book(arguments.data))
    wanted: dict[str, Any] = dict(arguments.switch)
    if arguments.dll_encoding is not None:
        wanted["dll_encoding"] = arguments.dll_encoding
    if wanted:
        gateway.office.arrange("PUT /switches", wanted)
    faults, paths = Faults(), doors(gateway)

    async def protocol(request: Request) -> Response | None:
        door = paths.get(request.path)
        if request.method != "POST" or door is None:
            return Response(b"not found", status=404, content_type="text/plain")
        return await faults.answer(door.exchange(request))

    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    servers = Server(protocol), Server(Control(gateway, faults).handle)
    port = await servers[0].start(arguments.host, arguments.port)
    control = await servers[1].start(arguments.host, arguments.control_port)
    ready = json.dumps(
        {
            "event": "ready",
            "pid": os.getpid(),
            "url": f"http://{arguments.host}:{port}{GATEWAY}",
            "dll": f"http://{arguments.host}:{port}{DLL}",
            "control": f"http://{arguments.host}:{control}",
        }
    )
    print(ready, flush=True)
    if arguments.ready_file is not None:
        partial = arguments.ready_file.with_suffix(".partial")
        partial.write_text(ready, encoding="utf-8")
        partial.replace(arguments.ready_file)
    await stop.wait()
    for server in servers:
        await server.stop()


if __name__ == "__main__":
    main()
