"""History for analysts: facts drawn from journals, figures, exports. docs/history.md, ADR 31."""
