"""The gateway endpoint of interface 000, with a journal behind it: an existing HIS front end works unchanged.

``requests`` reads bodies, ``actions`` holds one function an action, ``registering``, ``charging``, ``paying`` and
``singles`` map transactions to visits, ``waiting`` waits for a visit, ``telling`` turns what stopped it into a code of
``errors.yaml``, ``envelope`` writes answers, ``endpoint`` is the HTTP side. docs/gateway.md is for the site.
"""
