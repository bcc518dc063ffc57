"""A hospital's HIS back end (interface 004) with its own books of registrations, bills and settlements."""
