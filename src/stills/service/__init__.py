"""The HTTP service: jobs, the API over them, and a web page."""
