"""Emulators in processes of their own."""
