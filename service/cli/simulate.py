"""``visitflow simulate``: start the simulator of a peer, as a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Start the simulator of a peer. 模拟对方系统。")


@app.command()
def jiangsu(
    port: Annotated[int, typer.Option(help="Port of the gateway protocol (interface 000); 0 picks a free one.")] = 8321,
    control_port: Annotated[int, typer.Option(help="Port for faults and the ledger; 0 picks a free one.")] = 8322,
    data: Annotated[Path | None, typer.Option(help="Folder of the centre's ledger; without it, memory only.")] = None,
) -> None:
    """Start the Jiangsu gateway with a centre behind it. Prints its addresses as one JSON line.

    Example: `visitflow simulate jiangsu --data ./centre`
    """
    _become("jiangsu", port, control_port, data)


@app.command()
def his(
    port: Annotated[int, typer.Option(help="Port of interface 004; 0 picks a free one.")] = 8080,
    control_port: Annotated[int, typer.Option(help="Port for faults and the ledger; 0 picks a free one.")] = 8081,
    data: Annotated[Path | None, typer.Option(help="Folder of the HIS's books; without it, memory only.")] = None,
) -> None:
    """Start a hospital's HIS back end. Prints its addresses as one JSON line.

    Example: `visitflow simulate his --data ./his`
    """
    _become("his", port, control_port, data)


def _become(simulator: str, port: int, control_port: int, data: Path | None) -> None:
    command = [sys.executable, "-m", f"simulators.{simulator}"]
    command += ["--port", str(port), "--control-port", str(control_port)]
    if data is not None:
        command += ["--data", str(data)]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, no shell
