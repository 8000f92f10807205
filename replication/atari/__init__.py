"""The games: emulator, frames, presentation, Gymnasium view."""
