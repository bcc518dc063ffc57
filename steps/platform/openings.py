"""What visits are opened and triggered with: which requests of 003 each flow takes."""

from __future__ import annotations

from steps.platform.models import asking

#: Model → the interfaces whose requests it takes. Flows that are keyed by the payment's number also take the refund
#: query: one that comes before any notice closes the order against it (P64).
_TAKES = {
    "ClinicPayment": ("3.1.2", "13.1.1"),
    "TopUp": ("7.1.2", "13.1.1"),
    "Deposit": ("10.1.2", "13.1.1"),
    "RecordDelivery": ("27.1.2", "13.1.1"),
    "OnlineOrder": ("25.1.1", "13.1.1"),
    "Consultation": ("25.1.7", "13.1.1"),
    "CardRefund": ("8.1.2",),
    "RefundAsked": ("13.1.1",),
}
OPENINGS = tuple(
    asking(name, f"Data with a request of {' or '.join(numbers)}.", *numbers) for name, numbers in _TAKES.items()
)
