"""``visitflow simulate``: start the simulator of a peer, as a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Start the simulator of a peer. 模拟对方系统。")


_Port = Annotated[int, typer.Option(help="Port of the protocol; 0 picks a free one.")]
_ControlPort = Annotated[int, typer.Option(help="Port for faults and the ledger; 0 picks a free one.")]
_Data = Annotated[Path | None, typer.Option(help="Folder of the centre's ledger; without it, memory only.")]
_Switch = Annotated[list[str] | None, typer.Option(help="NAME=VALUE, see `python -m simulators.<name> --help`.")]


@app.command()
def jiangsu(port: _Port = 8321, control_port: _ControlPort = 8322, data: _Data = None) -> None:
    """Start the Jiangsu gateway with a centre behind it. Prints its addresses as one JSON line.

    Example: `visitflow simulate jiangsu --data ./centre`
    """
    _become("simulators.jiangsu", port, control_port, data)


@app.command()
def neimenggu(
    port: _Port = 8331, control_port: _ControlPort = 8332, data: _Data = None, switch: _Switch = None
) -> None:
    """Start the work-injury centre of Inner Mongolia (interface 002). Prints its addresses as one JSON line.

    Example: `visitflow simulate neimenggu --data ./centre --switch counts=lines`
    """
    _become("simulators.neimenggu", port, control_port, data, *_switches(switch))


@app.command()
def his(port: _Port = 8080, control_port: _ControlPort = 8081, data: _Data = None, switch: _Switch = None) -> None:
    """Start a hospital's HIS back end (interface 004). Prints its addresses as one JSON line.

    Example: `visitflow simulate his --data ./his`
    """
    _become("simulators.his", port, control_port, data, *_switches(switch))


@app.command()
def hospital(
    port: _Port = 8351,
    control_port: _ControlPort = 8352,
    data: _Data = None,
    switch: _Switch = None,
    patients: Annotated[int, typer.Option(help="How many invented patients there are.")] = 12,
    capacity: Annotated[int, typer.Option(help="Places of every slot.")] = 20,
) -> None:
    """Start the HIS of a hospital behind the port (interface 003). Prints its addresses as one JSON line.

    Example: `visitflow simulate hospital --data ./his --switch dedupe=true`
    """
    more = [f"--patients={patients}", f"--capacity={capacity}", *_switches(switch)]
    _become("simulators.hospital", port, control_port, data, *more)


@app.command()
def platform(
    port: _Port = 8361,
    control_port: _ControlPort = 8362,
    data: _Data = None,
    switch: _Switch = None,
    hospital: Annotated[str, typer.Option(help="The hospital side, with {name}.")] = "http://127.0.0.1:8351/{name}",
    patients: Annotated[int, typer.Option(help="How many invented patients there are.")] = 12,
) -> None:
    """Start the patient platform (interface 003). Prints its addresses as one JSON line.

    Example: `visitflow simulate platform --hospital http://127.0.0.1:8000/wechat/{name}`
    """
    more = [f"--hospital={hospital}", f"--patients={patients}", *_switches(switch)]
    _become("simulators.platform", port, control_port, data, *more)


def _switches(switch: list[str] | None) -> list[str]:
    return [f"--switch={each}" for each in switch or ()]


def _become(module: str, port: int, control_port: int, data: Path | None, *more: str) -> None:
    command = [sys.executable, "-m", module, "--port", str(port), "--control-port", str(control_port), *more]
    if data is not None:
        command += ["--data", str(data)]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, no shell
