"""Ten thousand payments through real processes that lose answers and die: every order ends paid once or refunded once.

``stage`` runs the platform, our service and the HIS; ``trouble`` says from the seed what goes wrong when; ``window`` is
the HIS's desk, which gives money back while payments still come in; ``people`` answer what a flow asks them; ``books``
reads the three ledgers and compares them; ``campaign`` plays it all. ``python -m tests.payments --help``.
"""
