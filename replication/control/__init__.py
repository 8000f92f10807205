"""Methods on simulated plants, apart from the Atari games: neural fitted Q iteration on a pole."""
