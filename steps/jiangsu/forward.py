"""The steps from card to receipt. Sources: 000; assumptions J3-J13; sums: work-injury flows, chapter 9."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import BaseModel

from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Disagreement, Progress, View
from steps.jiangsu import ledger
from steps.jiangsu.models import RegisteredByHand, SettledByHand, UploadedByHand

ROLE = "centre"


def numbers(view: View) -> dict[str, Any]:
    """Return the two numbers that every transaction about a visit carries (J3)."""
    return {"visit_no": view.data["visit_no"], "ipt_otp_no": view.key}


class CheckSignIn(BaseStep):
    """``signin_status``; the adapter signs in where that is needed."""

    name: ClassVar[str] = "jiangsu.check_sign_in"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "check_sign_in"

    def request(self, view: View) -> Mapping[str, Any]:
        """Send nothing."""
        return {}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the sign-in number."""
        return Progress({"sign_no": reply["sign_no"] or None})


class ReadCard(BaseStep):
    """1101: who is it, and for which approved injury."""

    name: ClassVar[str] = "jiangsu.read_card"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "read_card"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the way of identifying, and the credential if it is an electronic one (J19)."""
        return {"identify_mode": view.data["identify_mode"], "qr_code_info": view.data.get("qr_code_info")}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the person and the approved injury."""
        return Progress(
            {
                "psn_no": reply["psn_no"],
                "psn_name": reply.get("psn_name") or None,
                "psn_type": reply.get("psn_type"),
                "insu_admdvs": reply.get("insu_admdvs"),
                "qualification_id": first_qualification(reply.get("exam_ccls") or "", str(view.data["med_type"])),
            }
        )


#: Kinds of approved injury by the last digit of med_type: bodily, occupational disease, rehabilitation (DLL
#: conventions, 3.1, 3.2); the first says whether it is a visit (1) or a stay (2).
_KINDS = {"1": "肢体残", "2": "职业病", "3": "康复治疗"}


def first_qualification(exam_ccls: str, med_type: str) -> str | None:
    """Return the id of the first approved injury of the visit's kind (DLL conventions, 3.1).

    Records are split by ``^``, fields by ``|``; field 1 is the id, field 3 the kind; it seems to begin with ``^``.
    """
    wanted = _KINDS[med_type[-1]]
    for record in exam_ccls.split("^"):
        fields = record.split("|")
        if len(fields) >= 3 and fields[2].strip() == wanted and fields[0].strip():
            return fields[0].strip()
    return None


def registration(view: View) -> dict[str, Any]:
    """Return what 2201 and 2203 have in common (DLL conventions, 3.2)."""
    data = view.data
    return {
        "ipt_otp_no": view.key,
        "visit_type": data["visit_type"],
        "med_type": data["med_type"],
        "adm_time": data["adm_time"],
        "adm_diag_dscr": data["diagnosis"],
        **{name: data[name] for name in ("dept_code", "dept_name", "doctor_code", "doctor_name")},
        **{name: data.get(name, "") for name in ("tel", "wardarea_name", "adm_bed", "ipt_no")},
    }


class Register(BaseStep):
    """2201."""

    name: ClassVar[str] = "jiangsu.register"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "register"
    by_hand: ClassVar[type[BaseModel] | None] = RegisteredByHand

    def request(self, view: View) -> Mapping[str, Any]:
        """Send the fields of 000 and the hospital's number (J3)."""
        person = {"psn_no": view.data["psn_no"], "qualification_id": view.data.get("qualification_id", "")}
        return person | registration(view)

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the gateway's visit number."""
        return Progress({"visit_no": reply["visit_no"]})


class ChangeRegistration(BaseStep):
    """2203: the registration as the visit knows it now; it overwrites, so the same again does no harm (J30)."""

    name: ClassVar[str] = "jiangsu.change_registration"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "change_registration"

    def request(self, view: View) -> Mapping[str, Any]:
        """Send the fields of 2201 without person and injury."""
        return registration(view) | {"visit_no": view.data["visit_no"]}


class UploadLines(BaseStep):
    """2204: the next batch of the visit's ledger."""

    name: ClassVar[str] = "jiangsu.upload_lines"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "upload_lines"
    by_hand: ClassVar[type[BaseModel] | None] = UploadedByHand

    def request(self, view: View) -> Mapping[str, Any]:
        """Send the lines (J5)."""
        return numbers(view) | {
            "feedetail": [
                {
                    "ipt_otp_no": view.key,
                    "list_type": line.list_type,
                    "rxno": line.rxno,
                    "feedetl_sn": line.feedetl_sn,
                    "fee_ocur_time": line.fee_ocur_time,
                    "med_list_codg": line.med_list_codg,
                    "med_list_name": line.name,
                    "pric": line.pric,
                    "cnt": line.cnt,
                    "umamt": line.umamt,
                    "bilg_dr_codg": line.doctor_code,
                    "bilg_dept_codg": line.dept_code,
                    "min_unit": "",
                    "allSelfFlag": "1" if line.all_self else "",
                }
                for line in (each.line for each in ledger.next_batch(view))
            ]
        }

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Compare each line and the total with what was sent (chapter 9); rows are paired by key, not by position."""
        return uploaded(view, reply["lines"])

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Go on where only lines are to blame: halve the batch, and set the line aside that was refused alone."""
        if refusal.category not in _LINES_TO_BLAME or ledger.of_version_1(view):
            return None
        batch = ledger.next_batch(view)
        more = len(batch) > 1 or ledger.is_unfinished(view, batch)
        known = {"batches": ledger.batch_number(view), "uploading": more or None}
        return Progress(known | ledger.mark_refused(view, batch, refusal.code, refusal.message))

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Compare the total that a person says with what was sent (G9)."""
        total, batch = UploadedByHand.model_validate(told).uploaded_total, ledger.next_batch(view)
        expected = expected_total(view, batch)
        wrong = () if total == expected else (Disagreement("uploaded total", str(expected), str(total)),)
        return Progress(_after_upload(view, batch, total), wrong)


#: Refusals that speak of a line, not of the visit: 2204 with other lines may be accepted.
_LINES_TO_BLAME = (Category.DATA, Category.MAINTENANCE)


def expected_total(view: View, batch: list[ledger.Entry]) -> Decimal:
    """Return what the visit's total is once ``batch`` is uploaded."""
    return ledger.charged(view) + sum((each.amount for each in batch), Decimal("0.00"))


def uploaded(view: View, rows: list[Mapping[str, Any]]) -> Progress:
    """Return the progress of an upload whose lines the centre shows as ``rows``."""
    batch = ledger.next_batch(view)
    sent = {each.key: each.amount for each in batch}
    shown = {ledger.key_of(row): row["umamt"] for row in rows}
    wrong = [
        Disagreement(f"line {rxno}/{number}", str(amount), str(shown.get((rxno, number), "missing")))
        for (rxno, number), amount in sent.items()
        if shown.get((rxno, number)) != amount
    ]
    expected = expected_total(view, batch)
    total = ledger.charged(view) + sum((row["umamt"] for row in rows), Decimal("0.00"))
    if total != expected:
        wrong.append(Disagreement("uploaded total", str(expected), str(total)))
    return Progress(_after_upload(view, batch, total), tuple(wrong))


def _after_upload(view: View, batch: list[ledger.Entry], total: Decimal) -> dict[str, Any]:
    if ledger.of_version_1(view):
        return {"uploaded_total": total}
    more = ledger.is_unfinished(view, batch) or None
    known = {"uploaded_total": total, "batches": ledger.batch_number(view), "uploading": more}
    return known | ledger.mark_uploaded(view, batch)


def discharge(view: View) -> dict[str, Any]:
    """Return how a stay ended; nothing for outpatients (DLL conventions, 3.4; J41)."""
    data = view.data
    if data.get("dscg_time") is None:
        return {}
    return {
        "dscg_time": data["dscg_time"],
        "dscg_trt_rslt": data["dscg_trt_rslt"],
        "diag_code": data["dscg_diagnosis"],
        "diag_dscr": data.get("dscg_diagnosis_name") or data["dscg_diagnosis"],
    }


def for_the_dll(view: View) -> dict[str, Any]:
    """Return what a settlement through the DLL names again (DLL conventions, 3.4); the gateway leaves it out."""
    data = view.data
    return {
        "psn_no": data["psn_no"],
        "med_type": data["med_type"],
        "adm_diag_dscr": data["diagnosis"],
        "dept_code": data["dept_code"],
        "doctor_code": data["doctor_code"],
    }


class PreSettle(BaseStep):
    """2206: a trial; the lines are there already, so ``fee_details`` is left out (J7)."""

    name: ClassVar[str] = "jiangsu.pre_settle"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "pre_settle"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the visit, and for a stay how it ended (J41)."""
        return numbers(view) | discharge(view) | for_the_dll(view)

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep number and amounts; total = fund + self = sum of the lines."""
        return Progress(
            {
                "pre_settle_id": reply["pre_settle_id"],
                "pre_total": reply["total_amt"],
                "pre_fund": reply["fund_amt"],
                "pre_self": reply["self_amt"],
            },
            sums(reply, {"sum of lines": ledger.charged(view)}),
        )


class Settle(BaseStep):
    """2207: money moves."""

    name: ClassVar[str] = "jiangsu.settle"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "settle"
    by_hand: ClassVar[type[BaseModel] | None] = SettledByHand

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the pre-settlement and the invoice (J9)."""
        invoice = {"pre_settle_id": view.data["pre_settle_id"], "mdtrt_id": view.data["invoice_no"]}
        return numbers(view) | invoice | discharge(view) | for_the_dll(view)

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep number and amounts; they must equal the trial's."""
        return settled(view, reply)

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Check what a person says like what the centre says (G9)."""
        return settled(view, SettledByHand.model_validate(told).model_dump())


def settled(view: View, reply: Mapping[str, Any]) -> Progress:
    """Return the progress of a settlement that the centre shows as ``reply``."""
    return Progress(
        {
            "settle_id": reply["settle_id"],
            "total_amt": reply["total_amt"],
            "fund_amt": reply["fund_amt"],
            "self_amt": reply["self_amt"],
        },
        sums(reply, {"sum of lines": ledger.charged(view)})
        + same(view, reply, {"total_amt": "pre_total", "fund_amt": "pre_fund", "self_amt": "pre_self"}),
    )


class FetchReceipt(BaseStep):
    """6101."""

    name: ClassVar[str] = "jiangsu.fetch_receipt"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "receipt"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the visit."""
        return numbers(view)

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Compare the receipt with the settlement."""
        pairs = {name: name for name in ("settle_id", "total_amt", "fund_amt", "self_amt")}
        return Progress({"receipt_time": reply.get("setl_time") or None}, same(view, reply, pairs))


# -- what must agree with what (G9)
def sums(reply: Mapping[str, Any], expected: Mapping[str, Decimal]) -> tuple[Disagreement, ...]:
    """Return where a reply's total differs from fund + self, or from an expected total."""
    total: Decimal = reply["total_amt"]
    parts = {"fund_amt + self_amt": reply["fund_amt"] + reply["self_amt"], **expected}
    return tuple(
        Disagreement(f"total_amt = {what}", str(value), str(total)) for what, value in parts.items() if value != total
    )


def same(view: View, reply: Mapping[str, Any], pairs: Mapping[str, str]) -> tuple[Disagreement, ...]:
    """Return where the reply's members differ from what the visit knows; pairs map reply to visit."""
    found = []
    for theirs, ours in pairs.items():
        known = view.data.get(ours)
        told = reply[theirs]
        expected = Decimal(known) if isinstance(told, Decimal) and known is not None else known
        if known is not None and told != expected:
            found.append(Disagreement(theirs, str(known), str(told)))
    return tuple(found)
