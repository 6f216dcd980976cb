"""FIX 4.4 counterparties on loopback, after the FIX 4.4 specification (FIX Trading Community).

Belongs here: a counterparty whose every message a test writes itself (``scripted``), and one with a
market behind a session of the QuickFIX engine (``acceptor``).
Does not belong here: anything of the adapter under test; the protocol is written down anew.
"""
