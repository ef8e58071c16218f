"""Libraries: many videos into one output folder, remembered in a database, that can be killed at any moment.

:func:`stills.jobs.library.engine.library` is the call. In the caller's thread it passes on what the others tell
(``relay``); a feeder takes inputs into the store (``feed``, ``inputs``, ``folders``, ``keys``); some threads take
claims from a desk (``desk``) and do them, each to its end (``one``, ``failure``, ``gate``); a heart keeps the leases.
How a run ends is known in one place (``ending``).
"""
