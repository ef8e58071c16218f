"""Libraries: many videos into one output folder, remembered in a database, that can be killed at any moment."""
