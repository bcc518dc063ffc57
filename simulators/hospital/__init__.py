"""A hospital's HIS behind the port: all 143 interfaces that 003 wants of a hospital, from books of its own."""
