"""The patient platform of 003 with patients, wallets and a ledger: calls the hospital side and serves it."""
