"""Request and reply models of the transactions, by subject. ``transactions.yaml`` says which belong to which.

What is sent is strict (unknown members refused), what is received is tolerant (unknown members ignored, numbers or
text, names in any letter case). Field names are those of interface 000 where it shows them, else the DLL's.
"""
