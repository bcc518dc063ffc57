"""The rules, one module per business; each ends with a table of the interfaces it answers."""
