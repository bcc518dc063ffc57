"""Bodies of interface 000. Members that nobody reads are ignored; what is read is checked (J52)."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from adapters.money import Amount, Quantity
from service.gateway.envelope import GatewayError

#: Bytes of one request; a batch of 2,000 lines has about 400,000.
MAX_BYTES = 1_000_000
MOST_LINES = 2_000

Model_ = TypeVar("Model_", bound=BaseModel)


def _text(value: Any) -> Any:
    """Take a whole number for text: scripts write codes either way."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("expected printable characters")
    return value


def _moment(value: str) -> str:
    """Read ``2024-12-01 10:30:00`` (000) or yyyyMMddHHmmss (DLL)."""
    for form in ("%Y-%m-%d %H:%M:%S", "%Y%m%d%H%M%S"):
        try:
            return f"{datetime.datetime.strptime(value, form):%Y%m%d%H%M%S}"
        except ValueError:
            continue
    raise ValueError("expected 2024-12-01 10:30:00")


Loose = BeforeValidator(_text)
Code = Annotated[str, Loose, Field(min_length=1, max_length=64), AfterValidator(_printable)]
Words = Annotated[str, Loose, Field(max_length=200), AfterValidator(_printable)]
When = Annotated[str, Loose, Field(max_length=19), AfterValidator(_moment)]


class Body(BaseModel):
    """Base: unknown members are ignored, null is the same as a missing member."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: item for name, item in value.items() if item is not None and item != ""}
        return value


class Desk(Body):
    """Who stands at the desk; every action may say so."""

    operatorId: Annotated[str, Loose, Field(pattern=r"^[0-9A-Za-z_.@-]{1,32}$")] = ""
    operatorName: Words = ""


class Config(Body):
    """The configuration of ``init``; kept only to be shown again."""

    fixmedinsCode: Words = ""
    fixmedinsName: Words = ""
    receiverSysCode: Words = ""
    interfaceVersion: Words = ""
    operatorType: Words = ""
    defaultOperator: Words = ""
    defaultOperatorName: Words = ""
    logPath: Words = ""


class Init(Desk):
    """``init``."""

    config: Config = Config()


class Identity(Desk):
    """How the person is identified (J19)."""

    identifyMode: Annotated[str, Loose, Field(pattern="^[12]$")] = "1"
    qrCodeInfo: Annotated[str, Field(max_length=2000), AfterValidator(_printable)] = ""

    @model_validator(mode="after")
    def _credential(self) -> Identity:
        if self.identifyMode == "2" and not self.qrCodeInfo:
            raise ValueError("qrCodeInfo: needed with identifyMode 2")
        return self


class Transaction(Identity):
    """``transaction``; the name is looked up by the action."""

    businessParams: dict[str, Any] = Field(default_factory=dict)
    messageId: Annotated[str, Field(pattern="^[0-9A-Za-z-]{1,50}$")] = ""


class Retry(Transaction):
    """``retry``."""

    maxRetries: Annotated[int, Field(ge=0, le=10, strict=True)] = 3
    baseDelayMs: Annotated[int, Field(ge=0, le=60_000, strict=True)] = 1000


class Reverse(Desk):
    """``reverse``."""

    originalMessageId: Annotated[str, Field(pattern="^[0-9A-Za-z_-]{1,64}$")]


class Line(Body):
    """What both kinds of rows hold; without a number of the HIS they are known by what they say (J55)."""

    line_id: Code | None = None
    rxno: Code | None = None
    feedetl_sn: Code | None = None
    refund_of: Code | None = None
    list_type: Code | None = None
    med_list_codg: Code
    med_list_name: Annotated[str, Loose, Field(min_length=1, max_length=200), AfterValidator(_printable)] | None = None
    fee_ocur_time: When | None = None
    cnt: Quantity = Decimal(1)


class Prescription(Line):
    """One line of ``batch_upload`` or of a 2204. ``umamt`` follows from price and quantity unless given."""

    pric: Quantity
    umamt: Amount | None = None
    bilg_dr_codg: Code | None = None
    bilg_dept_codg: Code | None = None
    allSelfFlag: Annotated[str, Loose, Field(max_length=8)] = ""


class FeeDetail(Line):
    """One row of ``fee_details``: the amount is given, the price follows."""

    fee_amt: Amount


class Batch(Desk):
    """``batch_upload``."""

    visitNo: Code
    patientId: Code | None = None
    prescriptions: Annotated[list[Prescription], Field(min_length=1, max_length=MOST_LINES)]


class Registration(Body):
    """``businessParams`` of a registration, ``patientInfo`` of the complete process (000; DLL conventions, 3.2)."""

    ipt_otp_no: Code | None = None
    psn_no: Code | None = None
    qualification_id: Code | None = None
    visit_type: Annotated[str, Loose, Field(max_length=8)] | None = None
    med_type: Annotated[str, Loose, Field(pattern="^(1|2)[123]$")] | None = None
    adm_time: When | None = None
    diagnosis: Words | None = None
    dept_code: Code | None = None
    dept_name: Words | None = None
    doctor_code: Code | None = None
    doctor_name: Words | None = None
    tel: Annotated[str, Loose, Field(max_length=32)] | None = None
    wardarea_name: Annotated[str, Loose, Field(max_length=64)] | None = None
    adm_bed: Annotated[str, Loose, Field(max_length=32)] | None = None
    ipt_no: Annotated[str, Loose, Field(max_length=64)] | None = None
    mdtrt_id: Annotated[str, Loose, Field(pattern="^[0-9A-Za-z-]{1,64}$")] | None = None

    @model_validator(mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        """Take the DLL's name of the diagnosis as well."""
        if isinstance(value, dict) and "diagnosis" not in value and "adm_diag_dscr" in value:
            return {**value, "diagnosis": value["adm_diag_dscr"]}
        return value


class CompleteProcess(Identity):
    """``complete_process``."""

    patientInfo: Registration
    feeDetails: Annotated[list[FeeDetail], Field(min_length=1, max_length=MOST_LINES)]


class OfVisit(Body):
    """The numbers by which a visit is found; ours is the hospital's (J53)."""

    visit_no: Code | None = None
    ipt_otp_no: Code | None = None


class UploadLines(OfVisit):
    """2204 (J5)."""

    feedetail: Annotated[list[Prescription], Field(min_length=1, max_length=MOST_LINES)]


class CancelLines(OfVisit):
    """2205; one line alone is not offered (J6)."""

    rxno: Words = ""
    feedetl_sn: Words = ""


class PreSettle(OfVisit):
    """2206, with the lines of 000 or without; for a stay how it ended (J41)."""

    fee_details: Annotated[list[FeeDetail], Field(max_length=MOST_LINES)] = []
    dscg_time: When | None = None
    dscg_trt_rslt: Annotated[str, Loose, Field(max_length=8)] | None = None
    diag_code: Words | None = None
    diag_dscr: Words | None = None


class Settle(OfVisit):
    """2207 (000); the invoice may be missing (J9, J56)."""

    pre_settle_id: Code
    mdtrt_id: Annotated[str, Loose, Field(pattern="^[0-9A-Za-z-]*[1-9A-Za-z][0-9A-Za-z-]*$", max_length=64)] | None = (
        None
    )


def read(content: bytes) -> dict[str, Any]:
    """Return the JSON object of a request, money as Decimal.

    Raises:
        GatewayError: 1008 no JSON object (also one with a member twice, NaN or half a character), 1014 too large.
    """
    if len(content) > MAX_BYTES:
        raise GatewayError(1014, f"{MAX_BYTES}字节")
    try:
        value = json.loads(
            content.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_once
        )
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError, ArithmeticError):
        raise GatewayError(1008) from None
    if not isinstance(value, dict):
        raise GatewayError(1008)
    return value


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members; which of two with one name is meant nobody can tell."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError("a member comes twice")
        found[name] = value
    return found


def checked(model: type[Model_], value: Any, where: str = "") -> Model_:
    """Return ``value`` as a model. Raises GatewayError 1007, which names the field and never its value (G10)."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        path = ".".join([*([where] if where else []), *(str(part) for part in first["loc"])])
        raise GatewayError(1007, f"{path or 'body'}：{str(first['msg']).removeprefix('Value error, ')}") from None
