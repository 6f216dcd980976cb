"""An OANDA v20 server on loopback HTTP, for tests and rehearsals.

Written from the public documentation at developer.oanda.com/rest-live-v20: the pages Account,
Order, Trade, Position, Transaction and Pricing Endpoints, the pages of definitions beside them, and
Best Practices for the limits. Where the documents leave a case open, the file that decides it says
so.

Belongs here: the account, its matching, its HTTP routes and streams, and switches to misbehave.
Does not belong here: anything of the adapter; the two share no code, so that neither can hide the
other's mistake.
"""
