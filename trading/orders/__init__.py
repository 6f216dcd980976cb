"""Orders: what state each is in, what may still fill, and what the venue's word does to both.

Belongs here: the table of transitions, the machine that applies it, the book of one account, the
policy for requests of unknown outcome, and the comparison with the venue's own record. All of it is
pure: events in, states and effects out.
Does not belong here: sending, journaling and risk (they act on the effects), any venue's protocol,
and the accounting of profit, which books the executions that come out of here.
"""
