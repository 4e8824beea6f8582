"""Mistakes a person can make, as opposed to defects of ours."""


class StudyError(Exception):
    """A mistake of a person's, told in one line: place, rule and value.

    The command line prints the message and exits with status 2; it never shows a traceback for it.
    """


class LeaseError(StudyError):
    """Another driver holds the study, or took it over from this one."""
