"""The web dashboard of Enschedule."""
