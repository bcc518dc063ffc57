"""One package per peer: contracts, error table, session, transport. Adapters know nothing of visits."""
