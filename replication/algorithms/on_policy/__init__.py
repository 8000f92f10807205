"""Policy-gradient algorithms that learn from what their policy has just done, one file each."""
