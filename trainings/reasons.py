"""Why something about competences is refused: codes, sentences, next steps. `rules` says when."""

from __future__ import annotations

from app.kernel.refusals import N_, Reason

NOT_TRAINER = Reason(
    "trainings.not_trainer",
    N_("Only trainers of “%(competence)s” and managers may do this."),
    N_("See who trains it."),
    next_endpoint="trainings.competence",
    icon="lock",
)
YOURSELF = Reason(
    "trainings.yourself",
    N_("Nobody certifies themselves, nor lifts their own suspension."),
    N_("Ask another trainer or a manager."),
    icon="person",
)
YOU_ARE_SUSPENDED = Reason(
    "trainings.you_are_suspended", N_("Your own account is suspended: %(reason)s."), N_("Ask a manager."), icon="lock"
)
MANAGERS_NAME_TRAINERS = Reason(
    "trainings.managers_name_trainers",
    N_("Only managers name trainers, and withdraw it from them."),
    N_("Choose “Autonomous”, or ask a manager."),
    icon="people",
)
COMPETENCE_RETIRED = Reason(
    "trainings.competence_retired",
    N_("“%(competence)s” is no longer taught."),
    N_("See the competences of today."),
    next_endpoint="trainings.competences",
    icon="stop",
)
ACCOUNT_SUSPENDED = Reason(
    "trainings.account_suspended",
    N_("%(member)s's account is suspended."),
    N_("A manager can lift it on their page."),
    icon="lock",
)
EMAIL_NOT_PROVED = Reason(
    "trainings.email_not_proved",
    N_("%(member)s has not proved their e-mail address yet."),
    N_("They open the link in the welcome mail, or ask for a new one from their profile."),
    icon="person",
)
PREREQUISITE_MISSING = Reason(
    "trainings.prerequisite_missing",
    N_("%(member)s still needs “%(competence)s” first."),
    N_("Certify that one first."),
    next_endpoint="trainings.competence",
    icon="lock",
)
COMPETENCE_SUSPENDED = Reason(
    "trainings.competence_suspended",
    N_("%(member)s's certification is suspended: %(reason)s."),
    N_("Lift the suspension first, or revoke."),
    next_endpoint="trainings.certification",
    icon="stop",
)
ALREADY_HELD = Reason(
    "trainings.already_held",
    N_("%(member)s already holds this level until %(until)s."),
    N_("Choose a later date or a higher level."),
    icon="check",
)
ALREADY_HELD_FOR_GOOD = Reason(
    "trainings.already_held_for_good", N_("%(member)s already holds this level, without an end."), icon="check"
)
ENDS_TOO_SOON = Reason(
    "trainings.ends_too_soon",
    N_("The last day must come after %(first)s."),
    N_("Choose a later last day."),
    icon="calendar",
)
ENDS_TOO_LATE = Reason(
    "trainings.ends_too_late",
    N_("A certification of this competence ends on %(latest)s at the latest."),
    N_("Choose that day or an earlier one."),
    icon="calendar",
)
NOT_HELD_ANY_MORE = Reason(
    "trainings.not_held_any_more",
    N_("%(member)s does not hold this competence today: there is nothing to take away."),
    icon="check",
)
ALREADY_SUSPENDED = Reason("trainings.already_suspended", N_("This is suspended already: %(reason)s."), icon="stop")
NOT_SUSPENDED = Reason("trainings.not_suspended", N_("There is no suspension to lift."), icon="check")
ALREADY_REVOKED = Reason("trainings.already_revoked", N_("This was revoked already."), icon="stop")
YOU_HOLD_IT = Reason(
    "trainings.you_hold_it",
    N_("You hold “%(competence)s” already."),
    N_("See what it opens."),
    next_endpoint="trainings.competence",
    icon="check",
)
CIRCLE = Reason(
    "trainings.circle",
    N_("These prerequisites go round in a circle: %(path)s."),
    N_("Untick one of them."),
    icon="warn",
)
UNKNOWN_PREREQUISITE = Reason(
    "trainings.unknown_prerequisite", N_("One of these prerequisites no longer exists."), N_("Reload the page."), icon="warn"
)
SLUG_TAKEN = Reason(
    "trainings.slug_taken",
    N_("Another competence already has the address “%(slug)s”."),
    N_("Choose another short name."),
    icon="warn",
)
