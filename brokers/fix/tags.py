"""Names of the fields and messages of FIX 4.4 that are read or written here.

After the FIX 4.4 specification with errata of 2003 (FIX Trading Community).
"""

from enum import IntEnum


class Tag(IntEnum):
    """Fields that are read or written here, by their names in the specification."""

    ACCOUNT = 1
    AVG_PX = 6
    CL_ORD_ID = 11
    COMMISSION = 12
    COMM_TYPE = 13
    CUM_QTY = 14
    CURRENCY = 15
    EXEC_ID = 17
    EXEC_INST = 18
    EXEC_REF_ID = 19
    LAST_PX = 31
    LAST_QTY = 32
    MSG_SEQ_NUM = 34
    MSG_TYPE = 35
    NEW_SEQ_NO = 36
    ORDER_ID = 37
    ORDER_QTY = 38
    ORD_STATUS = 39
    ORD_TYPE = 40
    ORIG_CL_ORD_ID = 41
    POSS_DUP_FLAG = 43
    PRICE = 44
    REF_SEQ_NUM = 45
    SENDER_SUB_ID = 50
    SENDING_TIME = 52
    SIDE = 54
    SYMBOL = 55
    TARGET_SUB_ID = 57
    TEXT = 58
    TIME_IN_FORCE = 59
    TRANSACT_TIME = 60
    RAW_DATA = 96
    POSS_RESEND = 97
    STOP_PX = 99
    CXL_REJ_REASON = 102
    ORD_REJ_REASON = 103
    GAP_FILL_FLAG = 123
    EXPIRE_TIME = 126
    RESET_SEQ_NUM_FLAG = 141
    EXEC_TYPE = 150
    LEAVES_QTY = 151
    PEG_OFFSET_VALUE = 211
    REF_MSG_TYPE = 372
    SESSION_REJECT_REASON = 373
    BUSINESS_REJECT_REF_ID = 379
    BUSINESS_REJECT_REASON = 380
    CXL_REJ_RESPONSE_TO = 434
    PARTY_ID_SOURCE = 447
    PARTY_ID = 448
    PARTY_ROLE = 452
    NO_PARTY_IDS = 453
    COMM_CURRENCY = 479
    USERNAME = 553
    PASSWORD = 554
    ACCOUNT_TYPE = 581
    MASS_STATUS_REQ_ID = 584
    MASS_STATUS_REQ_TYPE = 585
    LONG_QTY = 704
    SHORT_QTY = 705
    POS_REQ_ID = 710
    CLEARING_BUSINESS_DATE = 715
    POS_REQ_TYPE = 724
    TOTAL_NUM_POS_REPORTS = 727
    POS_REQ_RESULT = 728
    SETTL_PRICE = 730
    PEG_MOVE_TYPE = 835
    PEG_OFFSET_TYPE = 836
    TOT_NUM_REPORTS = 911
    LAST_RPT_REQUESTED = 912
    NEW_PASSWORD = 925


class MsgType:
    """Types of messages (35) that are sent or understood."""

    REJECT = "3"
    SEQUENCE_RESET = "4"
    LOGOUT = "5"
    EXECUTION_REPORT = "8"
    ORDER_CANCEL_REJECT = "9"
    LOGON = "A"
    NEW_ORDER_SINGLE = "D"
    ORDER_CANCEL_REQUEST = "F"
    ORDER_CANCEL_REPLACE_REQUEST = "G"
    ORDER_STATUS_REQUEST = "H"
    BUSINESS_MESSAGE_REJECT = "j"
    ORDER_MASS_STATUS_REQUEST = "AF"
    REQUEST_FOR_POSITIONS = "AN"
    REQUEST_FOR_POSITIONS_ACK = "AO"
    POSITION_REPORT = "AP"
