"""Identity under load: its cost for each event, and a check that 100,000 people get the right customer."""
