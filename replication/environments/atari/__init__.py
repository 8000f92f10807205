"""Atari 2600 games: the emulator, its frames, and how an agent is shown them."""
