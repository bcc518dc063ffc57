"""Readings of what the document leaves open, to be changed while it runs (docs/assumptions.md, N40-N59)."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.common.switches import Board, Value

#: Name, values (the first is the default), meaning.
_TABLE: tuple[tuple[str, tuple[Value, ...], str], ...] = (
    ("verb", ("any", "POST", "GET"), "HTTP verb (N40)"),
    ("carrier", ("any", "query", "form", "json", "raw"), "where `message` stands (N40)"),
    ("encrypted_answers", (False, True), "answers are encrypted with the request's key (N40)"),
    ("code_type", ("documented", "number", "text"), "JSON type of `code` (N41)"),
    ("zone", ("Asia/Shanghai", "UTC"), "zone of the centre's clock: key of the day, dates"),
    ("after_logout", ("11005", "21006"), "code for a sessionid that was logged out (N42)"),
    ("logout_without_session", (False, True), "4.2 with user and password, without a known sessionid (N42)"),
    ("session_check", ("both", "header", "member"), "which of the two sessionids are checked (N42)"),
    ("reader_errors", ("resCode", "code"), "how 4.28 and 4.29 tell errors (N43)"),
    ("insured_without_injury", ("record", "none"), "4.3 for insured people without a certificate (N44)"),
    ("one_as_object", (True, False), "4.6: a single filing is an object, as in the example (N44)"),
    ("employer_required", ("always", "new"), "aab001 of 4.8: always, or of new injuries only (N46)"),
    ("earlier_stay", ("left", "reviewed"), "what an earlier stay must be: 51013, 310019 (N46)"),
    ("new_injury_filing", (False, True), "a new injury needs an accident filing (N46)"),
    ("outpatients", (True, False), "aka130 11 and 71 are accepted (N46)"),
    ("undo_with_fees", ("refuse", "cascade"), "4.9 while fees stand: 61006, or they go with it (N47)"),
    ("undo_certificate", (True, False), "4.9 of an old injury needs alca02 (N47)"),
    ("undo_approved", ("refuse", "allow"), "4.9, 4.23 after fee approval: 61005, 320004 (N47)"),
    (
        "approval_reset",
        ("cancel_lines", "undo_leave", "never"),
        "what takes an approval back: 4.11; 4.14 too (N48)",
    ),
    ("second_approval", ("allow", "refuse"), "4.12 again: allowed, or 91005 (N48)"),
    ("upload_after_approval", ("allow", "refuse"), "4.10 after 4.12: allowed, or 81005 (N48)"),
    ("new_approval", (True, False), "fees uploaded after 4.12 need another 4.12 before leaving (N48)"),
    (
        "batch",
        ("atomic", "until_error", "skip_bad"),
        "a bad line: nothing saved, what came before, the rest (N49)",
    ),
    ("counts", ("lines_and_orders", "lines"), "what `counts` counts (N49)"),
    ("order_must_exist", (True, False), "aae080 of a line is 999 or a known order (N50)"),
    ("name_must_match", (False, True), "a catalogue item comes with the centre's name (N50)"),
    ("trace_code", ("drugs", "always", "never"), "akc999 must be filled (N50)"),
    (
        "expired_when",
        ("prescribed", "left"),
        "110022: expired on the day of the prescription, of leaving (N51)",
    ),
    ("records", ("any", "all", "none"), "what of km02, km03, km05 inpatients leave with (N52)"),
    ("invoices_after_undo", ("released", "spent", "kept"), "4.14: gone, gone but numbers used up, or kept (N53)"),
    ("list_offsite", (False, True), "4.15 and 4.17 know offsite stays (N54)"),
    ("sheet_before_leaving", ("allow", "refuse"), "4.16 before leaving: allowed, or 240003 (N54)"),
    ("filing_certificate", (False, True), "4.21 wants alc011: 300003 (N55)"),
    ("filing_serial", (False, True), "4.21 tells filingno, 4.22 wants it (N55)"),
)
BOARD = Board(_TABLE)


@dataclass
class Switches:
    """The table as it is set."""

    verb: str = "any"
    carrier: str = "any"
    encrypted_answers: bool = False
    code_type: str = "documented"
    zone: str = "Asia/Shanghai"
    after_logout: str = "11005"
    logout_without_session: bool = False
    session_check: str = "both"
    reader_errors: str = "resCode"
    insured_without_injury: str = "record"
    one_as_object: bool = True
    employer_required: str = "always"
    earlier_stay: str = "left"
    new_injury_filing: bool = False
    outpatients: bool = True
    undo_with_fees: str = "refuse"
    undo_certificate: bool = True
    undo_approved: str = "refuse"
    approval_reset: str = "cancel_lines"
    second_approval: str = "allow"
    upload_after_approval: str = "allow"
    new_approval: bool = True
    batch: str = "atomic"
    counts: str = "lines_and_orders"
    order_must_exist: bool = True
    name_must_match: bool = False
    trace_code: str = "drugs"
    expired_when: str = "prescribed"
    records: str = "any"
    invoices_after_undo: str = "released"
    list_offsite: bool = False
    sheet_before_leaving: str = "allow"
    filing_certificate: bool = False
    filing_serial: bool = False
