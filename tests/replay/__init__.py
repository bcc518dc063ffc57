"""Journals of every flow version, recorded with what was made of them, and read by today's code.

Running visits are journals that an earlier release wrote. What is here stands for them, so it is added to and never
taken away: see docs/extending.md.
"""
