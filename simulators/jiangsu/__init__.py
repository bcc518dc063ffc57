"""The Jiangsu gateway (interface 000) with a centre behind it."""
