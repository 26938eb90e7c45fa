"""How fast the pages of the dashboard are, with a large history behind them."""
