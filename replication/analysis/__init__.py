"""From finished runs to numbers; without torch."""
