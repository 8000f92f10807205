"""What every algorithm must be able to do, checked in seconds: this package's own algorithms and a user's alike."""
