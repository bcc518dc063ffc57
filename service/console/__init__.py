"""The web console: server-rendered pages for supervisors, Chinese first, English by switch (docs/console.md, ADR 29).

``entrance`` signs in, ``board`` shows what needs a person, ``search`` lists and finds visits, ``visit`` shows one,
``deeds`` does what is asked for there, ``batches`` does one thing to many and ``batch_results`` tells what became of
each, ``oversight`` shows flows, schedules and peers. ``attention``, ``story``, ``drawing`` and ``traffic`` compute what
pages show and know nothing of HTTP.
"""
