"""Times of a plan in words."""

from __future__ import annotations


def time_text(seconds: float) -> str:
    """Write a time as people read it: in minutes below two hours, else in hours, with the unit."""
    return f"{seconds / 60:.0f} minutes" if seconds < 2 * 3600 else f"{hours_text(seconds)} hours"


def clock_text(seconds: float) -> str:
    """Write a time as a clock shows it: minutes and seconds, with hours where there are some."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def days_text(seconds: float) -> str:
    """Write the time of one core in the unit that suits it: hours, days or years."""
    days = seconds / 86_400
    if days < 2.0:
        return f"{24 * days:,.1f} hours"
    return f"{days:,.0f} days" if days < 730.0 else f"{days / 365.25:,.1f} years"


def hours_text(seconds: float) -> str:
    """Write a time in hours, without the unit."""
    hours = seconds / 3600
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.2f}"
