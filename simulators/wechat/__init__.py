"""What the two simulated sides of interface 003 have in common: return codes, members of a message, invented people.

They are the world both live in; neither takes anything from the adapters.
"""
