"""The whole service in one process, with clock, network, disk, processes and chance owned by a seed."""
