"""A plugin that does not load; everything else has to work nevertheless."""

raise RuntimeError("this plugin never loads")
