"""Many videos: the table that names them, fetching them, one recipe over all, tables of all that was found."""
