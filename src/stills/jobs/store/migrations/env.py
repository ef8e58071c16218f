"""Run by Alembic, with the connection (and its transaction) of :func:`stills.jobs.store.schema.ensure_schema`.

A new migration: change ``tables.py`` or ``service_tables.py``, add ``versions/rNNNN_what.py`` whose ``down_revision``
is the one before, set ``schema.HEAD``. The tests compare what the migrations make with the models, on both databases.
"""

from alembic import context

from stills.jobs.store.schema import VERSION_TABLE
from stills.jobs.store.service_tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=connection.dialect.name == "sqlite",  # SQLite cannot alter most of a table in place
)
context.run_migrations()
