"""Questions as plans: what is asked for, for whom and for when, and what of the question is not understood."""
