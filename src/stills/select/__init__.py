"""From an index to picks: one user question a file, pure."""
