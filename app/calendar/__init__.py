"""The calendar package; see docs/architecture.md."""
