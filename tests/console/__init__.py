"""The web console, in process and in a browser."""
