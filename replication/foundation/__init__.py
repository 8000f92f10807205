"""The ground floor, which knows nothing of learning: errors, files, validation, random streams, resources."""
