"""Prints: what moves plastic during a reservation. Files, printers and their servers, jobs, what they used and what they cost."""
