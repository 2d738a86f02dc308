"""The two ways GANLens stops: a mistake its user can mend, and a run that can't go on."""


class GANLensError(Exception):
    """Anything GANLens raises on purpose."""


class UserError(GANLensError):
    """Something the user gave can't be used. The command line prints it as one line and exits with 2.

    The message is one sentence or two: what is wrong and where, what was expected, and what to do.
    """


class TrainingStopped(GANLensError):
    """A run that can't go on (a non-finite loss, say). What was saved is intact. The command line exits with 1."""
