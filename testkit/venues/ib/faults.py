"""Switches to misbehave; each is for the next occasion, and off again after it."""

from dataclasses import dataclass


@dataclass(slots=True)
class Faults:
    """What the gateway shall do wrong next.

    Attributes
    ----------
    delay_s
        Hold the answers to the next order request for so long.
    drop_reply
        Apply the next order request, tell nobody.
    cut_before_apply, cut_after_apply
        Close the connection on the next order request, without or with doing it.
    cut_on_fill
        Book the next fill and close the connection before telling it.
    duplicate, reorder
        Send the messages of the next order request or fill twice, or last first.
    refuse_logons
        So many connections are closed at once.
    partial
        Part of the next order that fills at first, the rest with the next quote.
    reject
        Refuse the next order with code 201 and these words.
    rate_limit
        Answer the next order request by code 100, and do not do it.
    mute
        Answer no request from now on, until it is switched off.
    """

    delay_s: float = 0.0
    drop_reply: bool = False
    cut_before_apply: bool = False
    cut_after_apply: bool = False
    cut_on_fill: bool = False
    duplicate: bool = False
    reorder: bool = False
    refuse_logons: int = 0
    partial: str = ""
    reject: str = ""
    rate_limit: bool = False
    mute: bool = False
