"""The HTTP service under more work than it can do: a flow, a service in a process of its own, and those who ask.

``served`` starts the service on a site with one small flow, ``asking`` sends triggers at a rate, ``found`` compares
what was accepted with the journals.
"""
