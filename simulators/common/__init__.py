"""What every simulated peer is made of, whatever it speaks: server, faults, book, switches, process."""
