"""What knows nothing of learning: errors, files, validation, random streams, resources."""
