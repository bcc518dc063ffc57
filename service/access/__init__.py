"""Who may what: ``matrix`` is the table, ``door`` recognises callers, ``signing_in`` checks passwords."""
