"""Peers of this site as a service sees them: what processes share, what people decide, who is called back."""
