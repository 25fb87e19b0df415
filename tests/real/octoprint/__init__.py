"""A real OctoPrint with its virtual printer, for tests: `server` runs it, `fixtures` lends it, test_client_cases uses both."""
