"""What visits are opened and triggered with: the requests of 003 that each flow takes, by interface."""

from __future__ import annotations

from steps.platform.models import asking

#: Model → interfaces. Where a payment opens the visit, the refund query alone may: it closes the order (P104).
_TAKES = {
    "ClinicPayment": ("3.1.2", "13.1.1"),
    "ZiboPayment": ("6.2.5", "13.1.1"),
    "TopUp": ("7.1.2", "13.1.1"),
    "Deposit": ("10.1.2", "13.1.1"),
    "RecordCopies": ("27.1.2", "13.1.1"),
    "OnlineOrder": ("25.1.1", "13.1.1"),
    "Consultation": ("25.1.7", "13.1.1"),
    "CardRefund": ("8.1.2",),
    "OrderCreated": ("5.1.1",),
    "OrderSettled": ("5.1.2",),
    "OrderCancelled": ("5.1.3",),
    "RestPaid": ("5.1.4",),
    "RegistrationToday": ("20.1.7", "13.1.1"),
    "TodayCancelled": ("20.1.8",),
    "RegistrationBooked": ("21.2.2",),
    "RegistrationPaid": ("21.2.4",),
    "RegistrationCancelled": ("21.2.3",),
    "Examination": ("24.1.4",),
    "ExaminationCancelled": ("24.1.6",),
    "ExaminationChanged": ("24.1.7",),
    "ExaminationsRegistered": ("24.1.8",),
    "Physical": ("28.1.6", "13.1.1"),
    "PhysicalCancelled": ("28.1.7",),
    "Package": ("29.1.3", "13.1.1"),
    "PackageCancelled": ("29.1.4",),
    "Laboratory": ("33.1.3", "33.1.4"),
    "LaboratoryPaid": ("33.1.4",),
    "LaboratoryCancelled": ("33.1.5",),
    "Admission": ("36.1.2", "13.1.1"),
    "AdmissionCancelled": ("36.1.3",),
    "RefundQuery": ("13.1.1", "5.1.6"),
    "Card": ("1.2.1", "1.2.2", "1.2.3", "1.2.4"),
    "Binding": ("2.1.2", "2.1.4"),
    "Unbinding": ("2.1.4",),
    "Triage": ("15.1.2",),
    "CheckIn": ("42.1.2",),
    "Lesson": ("23.1.3",),
    "Pass": ("37.1.3", "37.1.2", "37.1.4"),
    "PassChanged": ("37.1.2",),
    "PassDeleted": ("37.1.4",),
}
OPENINGS = tuple(
    asking(name, f"Data with a request of {' or '.join(numbers)}.", *numbers) for name, numbers in _TAKES.items()
)
