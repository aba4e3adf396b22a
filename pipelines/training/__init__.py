"""How weights are learnt."""
