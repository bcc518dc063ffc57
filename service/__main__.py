"""``python -m service``: the same as the command ``visitflow``."""

from service.cli import main

main()
