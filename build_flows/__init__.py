"""offramp room."""
