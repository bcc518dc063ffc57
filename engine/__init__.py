"""The machine: definitions, journal, execution, settling doubts, undo, retry, timers, runner.

Imports none of our other packages and knows nothing of hospitals.
"""
