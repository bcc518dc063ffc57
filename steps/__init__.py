"""The step library, by system: what is sent for a transition, and what its reply adds to the visit."""
