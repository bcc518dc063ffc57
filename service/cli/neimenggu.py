"""``visitflow neimenggu``: what clerks ask the centre of Inner Mongolia, outside any visit (002, 4.3-4.29)."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer
from rich.text import Text

from engine.errors import NotLegal
from engine.facts import normalise
from engine.store import Status, VisitFilter
from service.application import Application, application
from service.asking import ask
from service.cli.answers import print_answer
from service.cli.console import FOUND_SOMETHING, Json, err, out, print_json, run, say, settings
from service.cli.sheets import Pdf, asked_sheet, finish, write_pdf
from service.reconciliation import parse_day

ADAPTER = "neimenggu"
#: What an upload is called in the flows: while one is under way, the fees must not be approved.
_UPLOADING = "uploading"

app = typer.Typer(
    no_args_is_help=True,
    help="Ask the centre of Inner Mongolia. 内蒙古中心查询。\n\n"
    "What concerns a person is asked for when it is left out, so that it stays out of the shell's history; it is shown"
    " on the screen and kept nowhere.",
)

Identity = Annotated[str, typer.Option("--id", prompt="身份证号/社会保障号码 identity number", help="Identity number.")]
Person = Annotated[str, typer.Option("--name", prompt="姓名 name", help="Name.")]
AnyIdentity = Annotated[str, typer.Option("--id", help="Only this identity number.")]
AnyPerson = Annotated[str, typer.Option("--name", help="Only this name.")]
CardNumber = Annotated[str, typer.Option("--card", prompt="社保卡卡号 card number", help="Number of the card.")]
CardIdentifier = Annotated[
    str, typer.Option("--identifier", prompt="卡识别码 card identifier", help="Identifier that the reader gives.")
]
QrCode = Annotated[str, typer.Option("--qr", prompt="二维码 QR code", help="What the scanner read.")]
Stay = Annotated[str, typer.Argument(help="Number of the stay or outpatient visit (akc190).")]
Since = Annotated[str, typer.Option("--from", help="First day, such as 2026-11-01.")]
Until = Annotated[str, typer.Option("--to", help="Last day.")]
Full = Annotated[bool, typer.Option("--full", help="Show every member of every row.")]


@app.command()
def injuries(identity: Identity, name: Person, full: Full = False, json: Json = False) -> None:
    """Injuries of a person (4.3). 获取工伤信息.

    Example: `visitflow neimenggu injuries`, then type what it asks for
    """
    _query("find_injuries", {"aac002": identity, "aac003": name}, full, json)


@app.command()
def treatments(
    certificate: Annotated[str, typer.Argument(help="Certificate number (alca02).")],
    full: Full = False,
    json: Json = False,
) -> None:
    """Applications for further treatment of one certificate (4.4). 获取继续治疗申请.

    Example: `visitflow neimenggu treatments 2012282 --full`
    """
    _query("find_treatments", {"alca02": certificate}, full, json)


@app.command("search-treatments")
def search_treatments(
    identity: AnyIdentity = "",
    name: AnyPerson = "",
    since: Since = "",
    until: Until = "",
    reviewed: Annotated[
        bool, typer.Option("--reviewed", help="The days are those of review, not of applying.")
    ] = False,
    full: Full = False,
    json: Json = False,
) -> None:
    """Applications of many people (4.5); nothing given: this month's. 批量获取继续治疗申请.

    Example: `visitflow neimenggu search-treatments --from 2026-11-01 --to 2026-11-07`
    """
    first, last = ("aae035", "aae037") if reviewed else ("akc176s", "akc176e")
    days = {first: _date(since), last: _date(until)}
    _query("search_treatments", {"aac002": identity, "aac003": name, **days}, full, json)


@app.command()
def reports(
    person: Annotated[str, typer.Argument(help="Personal number (aac001), from `injuries`.")],
    full: Full = False,
    json: Json = False,
) -> None:
    """Accident filings of a person (4.6). 获取工伤事故备案结果.

    Example: `visitflow neimenggu reports 10014152`
    """
    _query("find_reports", {"aac001": person}, full, json)


@app.command("search-reports")
def search_reports(
    identity: AnyIdentity = "",
    name: AnyPerson = "",
    since: Since = "",
    until: Until = "",
    full: Full = False,
    json: Json = False,
) -> None:
    """Accident filings of many people by the day of handling (4.7). 批量获取工伤事故备案结果.

    Example: `visitflow neimenggu search-reports --from 2026-11-01`
    """
    days = {"aae035": _date(since), "aae037": _date(until)}
    _query("search_reports", {"aac002": identity, "aac003": name, **days}, full, json)


@app.command()
def stays(
    stay: Annotated[str, typer.Argument(help="Only this stay or outpatient number (akc190).")] = "",
    identity: AnyIdentity = "",
    name: AnyPerson = "",
    since: Since = "",
    until: Until = "",
    by: Annotated[str, typer.Option("--by", help="What the days are: admitted, discharged or entered.")] = "admitted",
    region: Annotated[str, typer.Option(help="Only this region (aaa027).")] = "",
    full: Full = False,
    json: Json = False,
) -> None:
    """Stays that were uploaded (4.15); nothing given: this month's. 获取上传人员明细.

    Example: `visitflow neimenggu stays ZY20261120001`, `visitflow neimenggu stays --by discharged --from 2026-11-01`
    """
    members = {"admitted": "akc192", "discharged": "akc194", "entered": "aae036"}
    if by not in members:
        raise typer.BadParameter(f"expected {', '.join(members)}", param_hint="--by")
    days = {f"{members[by]}s": _date(since), f"{members[by]}e": _date(until)}
    asked = {"akc190": stay, "aac002": identity, "aac003": name, "aaa027": region, **days}
    _query("list_stays", asked, full, json)


@app.command()
def sheet(
    stay: Stay,
    offsite: Annotated[bool, typer.Option("--offsite", help="A stay of a person insured elsewhere.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: approving the fees is meant.")] = False,
    full: Full = False,
    pdf: Pdf = None,
    json: Json = False,
) -> None:
    """Settlement sheet (4.16). It APPROVES the stay's fees (4.12) as it goes. 获取结算单（会自动核准费用）.

    After an approval the centre refuses to take the registration back (320004). Refused while an upload of ours is
    under way. To look at the total only, ask for `stays`, which has no effect. With --pdf the form of 5.4 is written
    as well; of a visit that keeps its sheet, `visitflow visits sheet` does so without asking the centre.

    Example: `visitflow neimenggu sheet ZY20261120001 --yes --pdf ZY20261120001.pdf`
    """

    async def check(wired: Application) -> None:
        await refuse_while_uploading(wired, stay)
        if not yes:
            _confirm(stay)

    asked = {"akc190": stay, "rolltype": "1" if offsite else "0"}
    reply = _query("settlement_sheet", asked, full, json, check)
    found = asked_sheet(reply["kc21dto"], stay)
    if pdf is not None:
        write_pdf(found, pdf)
    finish(found)


@app.command("drug-share")
def drug_share(stay: Stay, json: Json = False) -> None:
    """Share of drugs in a rehabilitation's fees (4.17). 获取药占比.

    Example: `visitflow neimenggu drug-share ZY20261120001`
    """
    _query("drug_share", {"akc190": stay}, False, json)


@app.command("check-card")
def check_card(
    card: CardNumber, identifier: CardIdentifier, identity: Identity, name: Person, json: Json = False
) -> None:
    """Is this card valid for this person (4.19)? 实体社保卡鉴权. Exit code 6 when it is not.

    Example: `visitflow neimenggu check-card`, then type what it asks for
    """
    asked = {"aaz500": card, "aaz501": identifier, "aac002": identity, "aac003": name}
    reply = _query("check_card", asked, False, json)
    if reply.get("result") != "1":
        raise typer.Exit(FOUND_SOMETHING)


@app.command("check-qr")
def check_qr(
    qr: QrCode,
    operator: Annotated[str, typer.Option(help="Operator's number.")] = "",
    operator_name: Annotated[str, typer.Option(help="Operator's name.")] = "",
    json: Json = False,
) -> None:
    """Whose electronic card is this (4.20)? 电子社保卡鉴权.

    Example: `visitflow neimenggu check-qr`, then scan
    """
    _query("check_qr_code", {"qrcode": qr, "operatorid": operator, "operatorname": operator_name}, False, json)


@app.command("offsite-filings")
def offsite_filings(
    identity: Identity,
    name: Person,
    on: Annotated[str, typer.Option("--on", help="Day of admission.")] = "",
    full: Full = False,
    json: Json = False,
) -> None:
    """Filings of a person insured elsewhere to this hospital (4.21). 获取异地就医备案.

    Example: `visitflow neimenggu offsite-filings --on 2026-11-20`
    """
    asked = {"aac002": identity, "aac003": name, "aae030s": _date(on).replace("-", "")}
    _query("find_offsite_filings", asked, full, json)


@app.command("read-qr")
def read_qr(qr: QrCode, json: Json = False) -> None:
    """Whose electronic card of another province is this (4.28)? 异地电子社保卡读卡.

    Example: `visitflow neimenggu read-qr`, then scan
    """
    _query("read_offsite_qr_code", {"qrcode": qr}, False, json)


@app.command("read-card")
def read_card(card: CardNumber, identifier: CardIdentifier, json: Json = False) -> None:
    """Whose card of another province is this (4.29)? 异地实体社保卡读卡.

    Example: `visitflow neimenggu read-card`, then type what the reader shows
    """
    _query("read_offsite_card", {"aaz500": card, "aaz501": identifier}, False, json)


async def refuse_while_uploading(wired: Application, stay: str) -> None:
    """Raises NotLegal while a call of that stay's visit is under way or in doubt, or its lines are being uploaded.

    The sheet would approve half of the fees; and after a lost upload, totals are what tells whether it arrived.
    """
    for projection in await wired.store.visits(VisitFilter(key=stay)):
        if projection.status is Status.CLOSED or projection.flow.partition(".")[0] != ADAPTER:
            continue
        report = await wired.commands.report(projection.visit_id)
        if report.visit.call is not None or report.projection.state == _UPLOADING:
            where = f"{projection.flow}/{projection.key}"
            message = (
                f"{where} is uploading or has a call in doubt: 4.16 would approve its fees now; wait, or settle it"
            )
            raise NotLegal(message, visit=projection.visit_id)


def _confirm(stay: str) -> None:
    """Ask whether the approval is meant. Raises NotLegal: nobody can be asked; typer.Abort: no."""
    err.print(Text(say("sheet_approves"), style="bold yellow"))
    if not sys.stdin.isatty():
        raise NotLegal("4.16 approves the fees: say --yes if that is meant", stay=stay)
    typer.confirm(say("go_on"), abort=True, err=True)


def _date(text: str) -> str:
    """Return a day as yyyy-mm-dd, or nothing. Raises BadInput."""
    return parse_day(text).isoformat() if text else ""


def _query(
    operation: str,
    asked: dict[str, str],
    full: bool,
    json: bool,
    check: Callable[[Application], Awaitable[None]] | None = None,
) -> dict[str, Any]:
    """Ask, print, and return the reply."""
    request = {name: value.strip() for name, value in asked.items() if value.strip()}

    async def work() -> dict[str, Any]:
        async with application(settings()) as wired:
            if check is not None:
                await check(wired)
            return dict(await ask(wired, ADAPTER, operation, request))

    reply = run(work())
    if json:
        print_json(normalise(reply))
    else:
        print_answer(operation, reply, full)
        if not reply:
            out.print(say("nothing"))
    return reply
