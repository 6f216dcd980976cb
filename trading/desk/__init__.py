"""The desk of one account: book, journal, gates and gateway as one.

Belongs here: the order in which an order is judged, written down, sent and booked, and how all of
it is found again after a crash.
Does not belong here: what to trade, the rules of states and limits, and any venue's protocol.
"""
