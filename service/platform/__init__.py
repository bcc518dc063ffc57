"""The endpoint that the patient platform calls (interface 003): all 143 interfaces of the hospital.

``table`` reads ``business.yaml``, ``methods`` knows who is meant by a method's name, ``asking`` hands queries on to the
HIS, ``acting`` maps transactions and undos to visits (``acts`` finds them), ``answering`` reads answers off them,
``references`` remembers which numbers belong to which visit, ``refunds`` answers the refund queries, ``replies`` writes
bodies, ``endpoint`` is the HTTP side, ``pushes`` the outbox. docs/platform-endpoint.md is for the site.
"""
