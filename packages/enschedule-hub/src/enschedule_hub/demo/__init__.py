"""``enschedule demo``: three weeks in the life of an imaginary web shop, to look at and to play with."""
