"""The work-injury centre of Inner Mongolia (interface 002) over HTTP."""
