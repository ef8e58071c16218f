"""The verbs that everyone remembers, one file each. :mod:`stills` offers them all; nothing else imports from here."""
