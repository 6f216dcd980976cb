"""Order of the fields of the long messages at server version 178."""

SERVER_VERSION = 178


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CONTRACT = _names(
    "conId symbol secType lastTradeDate strike right multiplier exchange currency localSymbol "
    "tradingClass"
)

PLACE_ORDER = _names(
    "orderId conId symbol secType lastTradeDate strike right multiplier exchange primaryExchange "
    "currency localSymbol tradingClass secIdType secId action totalQuantity orderType lmtPrice "
    "auxPrice tif ocaGroup account openClose origin orderRef transmit parentId blockOrder "
    "sweepToFill displaySize triggerMethod outsideRth hidden sharesAllocation discretionaryAmt "
    "goodAfterTime goodTillDate faGroup faMethod faPercentage modelCode shortSaleSlot "
    "designatedLocation exemptCode ocaType rule80A settlingFirm allOrNone minQty percentOffset "
    "eTradeOnly firmQuoteOnly nbboPriceCap auctionStrategy startingPrice stockRefPrice delta "
    "stockRangeLower stockRangeUpper overridePercentageConstraints volatility volatilityType "
    "deltaNeutralOrderType deltaNeutralAuxPrice continuousUpdate referencePriceType trailStopPrice "
    "trailingPercent scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement scaleTable "
    "activeStartTime activeStopTime hedgeType optOutSmartRouting clearingAccount clearingIntent "
    "notHeld deltaNeutralContract algoStrategy algoId whatIf orderMiscOptions solicited "
    "randomizeSize randomizePrice conditions adjustedOrderType triggerPrice lmtPriceOffset "
    "adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount adjustableTrailingUnit "
    "extOperator softDollarTierName softDollarTierValue cashQty mifid2DecisionMaker "
    "mifid2DecisionAlgo mifid2ExecutionTrader mifid2ExecutionAlgo dontUseAutoPriceForHedge "
    "isOmsContainer discretionaryUpToLimitPrice usePriceMgmtAlgo duration postToAts "
    "autoCancelParent advancedErrorOverride manualOrderTime"
)
"""After the message id. An order of a pair has none of the groups that lengthen the message."""

_ORDER_HEAD = _names(
    "action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin "
    "orderRef"
)

OPEN_ORDER = (
    "orderId",
    *CONTRACT,
    *_ORDER_HEAD,
    *_names(
        "clientId permId outsideRth hidden discretionaryAmt goodAfterTime sharesAllocation faGroup "
        "faMethod faPercentage modelCode goodTillDate rule80A percentOffset settlingFirm "
        "shortSaleSlot designatedLocation exemptCode auctionStrategy startingPrice stockRefPrice "
        "delta stockRangeLower stockRangeUpper displaySize blockOrder sweepToFill allOrNone minQty "
        "ocaType eTradeOnly firmQuoteOnly nbboPriceCap parentId triggerMethod volatility "
        "volatilityType deltaNeutralOrderType deltaNeutralAuxPrice continuousUpdate "
        "referencePriceType trailStopPrice trailingPercent basisPoints basisPointsType "
        "comboLegsDescrip comboLegs orderComboLegs smartComboRoutingParams scaleInitLevelSize "
        "scaleSubsLevelSize scalePriceIncrement hedgeType optOutSmartRouting clearingAccount "
        "clearingIntent notHeld deltaNeutralContract algoStrategy solicited whatIf status "
        "initMarginBefore maintMarginBefore equityWithLoanBefore initMarginChange "
        "maintMarginChange equityWithLoanChange initMarginAfter maintMarginAfter "
        "equityWithLoanAfter commission minCommission maxCommission commissionCurrency warningText "
        "randomizeSize randomizePrice conditions adjustedOrderType triggerPrice trailStopPrice "
        "lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount "
        "adjustableTrailingUnit softDollarTierName softDollarTierValue softDollarTierDisplay "
        "cashQty dontUseAutoPriceForHedge isOmsContainer discretionaryUpToLimitPrice "
        "usePriceMgmtAlgo duration postToAts autoCancelParent minTradeQty minCompeteSize "
        "competeAgainstBestOffset midOffsetAtWhole midOffsetAtHalf"
    ),
)

COMPLETED_ORDER = (
    *CONTRACT,
    *_ORDER_HEAD,
    *_names(
        "permId outsideRth hidden discretionaryAmt goodAfterTime faGroup faMethod faPercentage "
        "modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot "
        "designatedLocation exemptCode startingPrice stockRefPrice delta stockRangeLower "
        "stockRangeUpper displaySize sweepToFill allOrNone minQty ocaType triggerMethod volatility "
        "volatilityType deltaNeutralOrderType deltaNeutralAuxPrice continuousUpdate "
        "referencePriceType trailStopPrice trailingPercent comboLegsDescrip comboLegs "
        "orderComboLegs smartComboRoutingParams scaleInitLevelSize scaleSubsLevelSize "
        "scalePriceIncrement hedgeType clearingAccount clearingIntent notHeld deltaNeutralContract "
        "algoStrategy solicited status randomizeSize randomizePrice conditions trailStopPrice "
        "lmtPriceOffset cashQty dontUseAutoPriceForHedge isOmsContainer autoCancelDate "
        "filledQuantity refFuturesConId autoCancelParent shareholder imbalanceOnly "
        "routeMarketableToBbo parentPermId completedTime completedStatus minTradeQty "
        "minCompeteSize competeAgainstBestOffset midOffsetAtWhole midOffsetAtHalf"
    ),
)

EXECUTION = (
    "reqId",
    "orderId",
    *CONTRACT,
    *_names(
        "execId time acctNumber executionExchange side shares price permId clientId liquidation "
        "cumQty avgPrice orderRef evRule evMultiplier modelCode lastLiquidity pendingPriceRevision"
    ),
)

CONTRACT_DETAILS = _names(
    "reqId symbol secType lastTradeDate strike right exchange currency localSymbol marketName "
    "tradingClass conId minTick multiplier orderTypes validExchanges priceMagnifier underConId "
    "longName primaryExchange contractMonth industry category subcategory timeZoneId tradingHours "
    "liquidHours evRule evMultiplier secIdList aggGroup underSymbol underSecType marketRuleIds "
    "realExpirationDate stockType minSize sizeIncrement suggestedSizeIncrement"
)

COUNTS = frozenset(
    _names(
        "comboLegs conditions deltaNeutralContract orderComboLegs secIdList smartComboRoutingParams"
    )
)
"""Fields that say how many of something follow: 0 here, always."""
