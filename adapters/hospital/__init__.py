"""The hospital's HIS behind the endpoint that the patient platform calls (interface 003)."""

from adapters.hospital.port import HospitalPort, KeyedHospitalPort

__all__ = ["HospitalPort", "KeyedHospitalPort"]
