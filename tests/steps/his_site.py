"""A site's own data model: what an outpatient visit of Jiangsu knows, and the hospital's own bill beside it."""

from __future__ import annotations

from steps.his.models import Opening as HisOpening
from steps.his.models import Visit as HisVisit
from steps.jiangsu.models import OutpatientOpening, OutpatientVisit


class Opening(OutpatientOpening, HisOpening):
    """What a visit is opened with."""


class Visit(OutpatientVisit, HisVisit):
    """Everything that a visit may know."""
