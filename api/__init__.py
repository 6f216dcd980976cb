"""Entrypoint room: pages and HTTP over what the topics say; no decision is taken here.

``View`` keeps what a run looks like right now, ``create_app`` serves it as a page, as JSON and as a
stream, ``Server`` runs that in a thread, and ``TerminalView`` writes the same on a console.
"""
