"""Identity under load: what it costs an event, and that a hundred thousand people end where they belong."""
