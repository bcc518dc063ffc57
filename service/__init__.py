"""What people and programs touch: CLI, HTTP API, demo, settings; wires the other rooms together."""
