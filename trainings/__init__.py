"""The trainings package; see docs/architecture.md."""
