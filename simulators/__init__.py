"""The peers, as separate processes that speak the real wire format and enforce the documents' rules.

Written from the documents, not from the adapters: no parsing, encryption or contract code is shared with them.
"""
