"""Every code that TWS sends, and what it calls for.

From the public table of the TWS API (message codes of system, warning, client and TWS errors). A
code that is not listed is answered too: it refuses the request, except within TWS's ranges of
system and warning codes (1100 to 1399, 2100 to 2199), which inform.
"""

from typing import NamedTuple

from brokers.reactions import Answer, Reaction, Reactions
from domain.reasons import Reason

_HALT, _REJECT = Reaction.HALT, Reaction.REJECT
_RETRY, _DROP = Reaction.RETRY, Reaction.DROP

_TABLE: dict[Answer, str] = {
    Answer(_HALT, Reason.NOT_AUTHORISED): "326 503 506",
    Answer(_HALT, Reason.ACCOUNT_BLOCKED): "132",
    Answer(_REJECT, Reason.NOT_AUTHORISED): "203 327 354 460 10089 10090 10186 10187",
    Answer(_RETRY, Reason.RATE_LIMITED): "100 101",
    Answer(_RETRY, Reason.DISCONNECTED): (
        "162 317 322 366 501 502 504 507 1100 1300 2103 2105 2107 2108 2110 2157 10189 10197 10225"
    ),
    Answer(_REJECT, Reason.DUPLICATE_ID): "102 103",
    Answer(_REJECT, Reason.TOO_LATE): "104 136 161 10148 10149",
    Answer(_REJECT, Reason.NOT_FOUND): "122 135 300 10147",
    Answer(_REJECT, Reason.BAD_PRICE): "109 110 125 126 163 382 383 463",
    Answer(_REJECT, Reason.WRONG_SIDE): "144",
    Answer(_REJECT, Reason.BAD_QUANTITY): "117 140 160 164 355 387 388 434 451 461",
    Answer(_REJECT, Reason.BAD_TERMS): (
        "105 106 107 111 113 133 134 138 139 141 142 143 147 148 152 156 157 158 159 167 168 "
        "201 320 321 323 329 336 337 338 339 340 341 342 344 345 346 347 348 349 350 351 352 "
        "353 356 357 358 359 360 361 362 363 364 367 368 370 371 372 373 374 375 376 377 378 "
        "379 380 381 384 391 392 393 394 395 396 397 398 400 401 402 403 405 406 407 408 409 "
        "410 411 412 413 415 416 417 418 422 423 424 425 426 427 428 429 431 432 433 435 436 "
        "437 438 439 440 441 442 443 444 445 446 447 448 449 450 452 453 454 455 456 457 458 "
        "459 462 464 465 466 467 10000 10001 10002 10003 10004 10005 10006 10007 10008 10009 "
        "10010 10011 10012 10013 10014 10015 10016 10018 10019 10020 10021 10022 10023 10024 "
        "10025 10026 10027 10100 10268"
    ),
    Answer(_REJECT, Reason.UNSUPPORTED): (
        "114 115 116 118 119 120 127 128 129 145 369 386 389 390"
    ),
    Answer(_REJECT, Reason.UNKNOWN_SYMBOL): "123 200 310 312 313 314 315 335 385",
    Answer(_REJECT, Reason.MARKET_CLOSED): "154 414",
    Answer(_REJECT, Reason.ADMINISTRATIVE): "202",
    Answer(_DROP, Reason.OTHER): (
        "121 124 131 137 146 151 165 166 301 302 303 304 305 306 307 308 309 311 316 318 319 "
        "324 325 328 330 331 332 333 334 343 365 399 404 419 420 421 430 492 505 508 509 510 "
        "511 512 513 514 515 516 517 518 519 520 521 522 523 524 525 526 527 528 529 530 531 "
        "532 1101 1102 2100 2101 2102 2104 2106 2109 2119 2137 2148 2150 2158 2161 2168 2169 "
        "10167"
    ),
}

CODES = Reactions(
    {code: answer for answer, codes in _TABLE.items() for code in codes.split()},
    otherwise=Answer(_REJECT, Reason.OTHER),
)
"""The total map."""

LINK_LOST = frozenset({1100, 1300, 2110})
"""The gateway has lost the broker; orders rest there, nothing new gets through."""

LINK_RESTORED = frozenset({1101, 1102})
PRICES_LOST, PRICES_RESTORED = frozenset({2103, 2108}), frozenset({2104})

CANCEL_CODES = frozenset({135, 136, 161, 10147, 10148, 10149})
"""Codes that answer a cancel where one is waiting; the others answer a submit or a replace."""

UNKNOWN_ORDER_CODES = frozenset({135, 10147})

REJECTED_CODE = 201
"""``Order rejected - reason:``."""

CANCELED_CODE = 202
"""``Order Canceled - reason:``; the order is gone, whoever asked for it."""

REPLACE_ONLY_CODES = frozenset({104, 105, 134, 2102})
"""Codes about a change of an order, which leave the order as it was; 2102 is no more than a warning
to TWS, yet the change it tells of was not taken."""

CLIENT_ID_TAKEN = 326

_VALIDATION_CODE, _READ_ONLY = 321, "read-only"

_SYSTEM, _WARNINGS = range(1100, 1400), range(2100, 2200)

_WORDS: tuple[tuple[str, Reason], ...] = (
    ("margin", Reason.INSUFFICIENT_MARGIN),
    ("insufficient", Reason.INSUFFICIENT_MARGIN),
    ("market is closed", Reason.MARKET_CLOSED),
    ("exchange is closed", Reason.MARKET_CLOSED),
    ("expired", Reason.OTHER),
    ("minimum size", Reason.BAD_QUANTITY),
    ("size", Reason.BAD_QUANTITY),
    ("minimum price variation", Reason.BAD_PRICE),
    ("price", Reason.BAD_PRICE),
    ("permission", Reason.NOT_AUTHORISED),
    ("too many", Reason.TOO_MANY_ORDERS),
    ("maximum number", Reason.TOO_MANY_ORDERS),
)
"""201 and 202 tell their reason in words only; the first of these that occurs decides."""


class Notice(NamedTuple):
    """One ``errMsg``: id of the request or order (-1: none), code, and TWS's words."""

    id: int
    code: int
    text: str


def answer(notice: Notice) -> Answer:
    """Return what a notice calls for."""
    key = str(notice.code)
    if key not in CODES and (notice.code in _SYSTEM or notice.code in _WARNINGS):
        return Answer(_DROP, Reason.OTHER)
    found = CODES[key]
    if notice.code == _VALIDATION_CODE and _READ_ONLY in notice.text.lower():
        return Answer(_HALT, Reason.NOT_AUTHORISED)
    if notice.code not in {REJECTED_CODE, CANCELED_CODE}:
        return found
    words = notice.text.lower()
    return found._replace(
        reason=next((reason for word, reason in _WORDS if word in words), found.reason)
    )
