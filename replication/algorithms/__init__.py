"""One file per algorithm: its network and its loss, readable as a diff against dqn.py."""
