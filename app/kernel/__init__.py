"""The ground every feature stands on. It imports no feature."""
