"""Command line, training, backtest: composition only."""
