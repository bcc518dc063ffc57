"""The command ``visitflow``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar

import typer

from service.cli.console import EXIT_CODES_HELP, run_guarded
from service.cli.lazily import LazyGroup, Place


class Commands(LazyGroup):
    """What ``visitflow`` can do, in the order of its help."""

    places: ClassVar[Mapping[str, Place]] = {
        name: Place(f"service.cli.{module}", line, attribute)
        for name, module, attribute, line in (
            ("visits", "visits", "app", "List, show, open and move visits. 就诊。"),
            ("flows", "flows", "app", "Flow definitions: list, check, graph, schema. 流程定义。"),
            ("catalogue", "catalogue", "app", "Catalogue matching. 目录对照。"),
            ("neimenggu", "neimenggu", "app", "Ask the centre of Inner Mongolia. 内蒙古中心查询。"),
            ("files", "files", "app", "Invoices and other material. 发票等材料文件。"),
            ("db", "database", "app", "The database: schema, rebuild, keys. 数据库。"),
            ("users", "users", "app", "People who may sign in, and their roles. 用户与角色。"),
            ("keys", "keys", "app", "API keys of machines. 机器用的密钥。"),
            ("approvals", "approvals", "app", "What waits for a second person. 四眼复核。"),
            ("webhooks", "webhooks", "app", "What the HIS was told by the webhook. 进展通知。"),
            ("alerts", "alerts", "app", "What is wrong, and telling it. 报警。"),
            ("peers", "peers", "app", "Peers: called, left alone, stopped. 对方系统。"),
            ("history", "history", "app", "History for analysts: figures, exports. 历史统计。"),
            ("audit", "audit", "audit", "Prove that every open visit is due, waits or is stuck. 自查。"),
            ("reconcile", "reconcile", "reconcile", "Reconcile a day with the centre, or show how that went. 日对账。"),
            ("serve", "serve", "serve", "Run the engine and the HTTP API until SIGTERM or Ctrl-C. 运行服务。"),
            ("schedules", "schedules", "app", "What runs by the clock: list, runs, pause, resume, run. 定时任务。"),
            ("pushes", "pushes", "pushes", "List messages to the patient platform, newest first. 平台消息推送一览。"),
            ("demo", "demo", "demo", "Four visits through a real HTTP peer, one of them across a SIGKILL. 演示。"),
            ("simulate", "simulate", "app", "Start the simulator of a peer. 模拟对方系统。"),
        )
    }


app = typer.Typer(
    name="visitflow",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    epilog=EXIT_CODES_HELP,
)


@app.callback()
def visitflow() -> None:
    """Workflow engine for hospital visits that cross systems which lose answers. 就诊流程引擎。"""


def main() -> None:
    """Run the command line; every expected error becomes one line and an exit code."""
    sys.exit(run_guarded(app))
