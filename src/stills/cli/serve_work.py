"""What ``stills serve`` does."""

from __future__ import annotations

import signal
from contextlib import closing
from typing import TYPE_CHECKING

from stills.cli.run import EXIT_INTERRUPTED
from stills.cli.say import line, note, report_error
from stills.cli.session import Session
from stills.errors import OutputError, UsageError

if TYPE_CHECKING:
    from stills.service.jobs import JobStore
    from stills.settings_model import Settings


def run_service(session: Session) -> int:
    """Serve until a signal comes; the exit code.

    Raises:
        UsageError: The extra is not installed, or nobody can listen there.
        SettingsError, InputError: The tokens are wrong.
        OutputError: The data folder cannot be written.
        StateError: The database cannot be used.
    """
    try:
        from stills.service.app import create_app
        from stills.service.server import address_of, listen, serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "stills":
            raise
        said = f"the service needs {error.name}, which is not installed"
        raise UsageError(said, remedy="pip install 'stills[service]'") from error
    service = session.settings.service
    with closing(listen(service.host, service.port)) as listener:
        address = address_of(listener, service.base_path)
        with closing(_opened(session.settings)) as store:
            app = create_app(session.settings, store=store)
            for fallback in store.fallbacks:
                note(f"note: {fallback.message}")
            session.events.emit("serving", address=address, data=str(store.data), database=store.shown)
            if not (session.quiet or session.events.enabled):
                line(f"stills is at {address}")
            caught = serve(app, service, listener)
    if caught == signal.SIGINT:
        report_error("interrupted; what was under way is done with the next start")
        return EXIT_INTERRUPTED
    return 0


def _opened(settings: Settings) -> JobStore:
    """The jobs. Raises ``OutputError`` with what to do about it here, and what the store raises."""
    from stills.service.app import open_store

    try:
        return open_store(settings)
    except OutputError as error:
        error.remedy = "make it writable, or choose another folder with --data"
        raise
