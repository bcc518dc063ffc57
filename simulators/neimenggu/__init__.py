"""The work-injury centre of Inner Mongolia with invented people, written from interface 002 alone."""
