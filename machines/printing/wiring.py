"""What printing plugs into the app, in order."""

from __future__ import annotations

from flask import Flask

from machines.printing import models

TABLES = (models.PrinterLink, models.PrintJob)
"""Imported so that the tables of printing are known where the house is built."""


def init_app(app: Flask) -> None:
    """Nothing but the tables yet."""
