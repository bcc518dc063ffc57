"""Measurements of visitflow. ``make bench`` runs them all and renews docs/performance.md; see ``__main__``."""
