"""Fee ledgers: which lines a HIS has handed over, and how far each has come; the same for all systems."""

from steps.ledger.book import Book, Entry, LineState, batch_number, total
from steps.ledger.lines import MOST_LINES, Marks, Voided, check_refunds, check_standing, in_one_mapping, lines_by_id

__all__ = [
    "MOST_LINES",
    "Book",
    "Entry",
    "LineState",
    "Marks",
    "Voided",
    "batch_number",
    "check_refunds",
    "check_standing",
    "in_one_mapping",
    "lines_by_id",
    "total",
]
