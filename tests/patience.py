"""How long a test waits for what is sure to come.

Long on purpose: nobody waits for it when all is well, and a machine with much else to do is no failure.
"""

PATIENCE = 90.0  #: seconds
