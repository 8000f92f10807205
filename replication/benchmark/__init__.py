"""What a step costs on this machine, part by part, beside what the machine can do and beside other programs."""
