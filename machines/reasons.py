"""Every way a machine's booking, change or check-in can be refused: code, words and next step. Pure."""

from __future__ import annotations

from app.kernel.refusals import N_, Reason

EMAIL_NOT_PROVED = Reason(
    "machines.email_not_proved",
    N_("Your e-mail address is not proved yet."),
    N_("Open the link in our mail, or have it sent again."),
    next_endpoint="accounts.profile",
    icon="mail",
)
CHARTER_NOT_ACCEPTED = Reason(
    "machines.charter_not_accepted",
    N_("You have not accepted the lab's charter yet."),
    N_("Read the charter, 3 min"),
    next_endpoint="accounts.charter",
    icon="file",
)
SUSPENDED = Reason(
    "machines.suspended", N_("Your account is suspended: %(reason)s"), N_("Talk to a fab manager to settle it."), icon="lock"
)
NOT_CERTIFIED = Reason(
    "machines.not_certified",
    N_("You need the “%(competence)s” certification for this machine."),
    N_("See how to get it"),
    next_endpoint="trainings.competence",
    icon="lock",
)
OUT_OF_SERVICE = Reason(
    "machines.out_of_service",
    N_("This machine is out of order."),
    N_("Choose another machine, or come back later."),
    icon="repair",
)
OUT_OF_SERVICE_UNTIL = Reason(
    "machines.out_of_service",
    N_("This machine is out of order until %(until)s."),
    N_("Book it after that, or choose another machine."),
    icon="repair",
)
RETIRED = Reason(
    "machines.retired",
    N_("This machine has left the lab."),
    N_("See the machines"),
    next_endpoint="machines.catalogue",
    icon="repair",
)
ENDS_BEFORE_START = Reason(
    "machines.ends_before_start", N_("The end comes before the start."), N_("Choose an end after the start."), icon="clock"
)
NO_LENGTH = Reason(
    "machines.no_length", N_("A reservation needs some length."), N_("Choose an end after the start."), icon="clock"
)
SKIPPED_HOUR = Reason(
    "machines.skipped_hour",
    N_("That hour does not exist: the clocks go forward that night."),
    N_("Choose a time before 2:00 or from 3:00."),
    icon="clock",
)
IN_THE_PAST = Reason(
    "machines.in_the_past", N_("That time is already past."), N_("Choose a time that is still to come."), icon="clock"
)
LAB_CLOSED = Reason(
    "machines.lab_closed",
    N_("The lab is closed during part of that time."),
    N_("Choose a time inside the opening hours."),
    next_endpoint="machines.timetable",
    overridable=True,
    icon="clock",
)
OWES = Reason(
    "machines.owes_overdue",
    N_("A bill of yours has been waiting for more than a month."),
    N_("See what is due"),
    next_endpoint="billing.account",
    overridable=True,
    icon="euro",
)
TOO_SHORT = Reason(
    "machines.too_short",
    N_("This machine is booked for at least %(minutes)d minutes."),
    N_("Choose a longer time."),
    overridable=True,
    icon="clock",
)
TOO_LONG = Reason(
    "machines.too_long",
    N_("This machine is booked for at most %(minutes)d minutes."),
    N_("Choose a shorter time."),
    overridable=True,
    icon="clock",
)
LONGER_THAN_ANY = Reason(
    "machines.longer_than_any",
    N_("One reservation lasts at most %(days)d days."),
    N_("Choose a shorter time."),
    icon="clock",
)
OFF_STEP = Reason(
    "machines.off_step",
    N_("Start and end fall on steps of %(minutes)d minutes."),
    N_("Choose a round time."),
    overridable=True,
    icon="clock",
)
TOO_FAR = Reason(
    "machines.too_far",
    N_("This machine is booked at most %(days)d days ahead."),
    N_("Choose an earlier day."),
    overridable=True,
    icon="calendar",
)
TOO_SOON = Reason(
    "machines.too_soon",
    N_("This machine is booked at least %(minutes)d minutes ahead."),
    N_("Choose a later time, or ask at the desk."),
    overridable=True,
    icon="clock",
)
TOO_MANY = Reason(
    "machines.too_many",
    N_("You have %(count)d reservations to come on this machine, the most one person may have."),
    N_("See your reservations"),
    next_endpoint="reservations.mine",
    overridable=True,
    icon="calendar",
)
YOURS_ALREADY = Reason(
    "machines.yours_already",
    N_("You have already booked this machine during that time."),
    N_("See your reservations"),
    next_endpoint="reservations.mine",
    overridable=True,
    icon="person",
)
BUSY_ELSEWHERE = Reason(
    "machines.busy_elsewhere",
    N_("You have already booked %(machine)s at that time, and both need you beside them."),
    N_("See your reservations"),
    next_endpoint="reservations.mine",
    overridable=True,
    icon="people",
)

NOT_ANY_MORE = Reason(
    "machines.not_any_more",
    N_("This reservation can no longer be changed that way: its state is “%(status)s”."),
    N_("See your reservations"),
    next_endpoint="reservations.mine",
)
TOO_LATE = Reason(
    "machines.too_late",
    N_("It could be cancelled or moved until %(until)s."),
    N_("Call the desk: a host can still free the machine for somebody else."),
    overridable=True,
    icon="clock",
)
TOO_EARLY = Reason(
    "machines.too_early", N_("You can check in from %(opens)s."), N_("Come back then: your slot is kept."), icon="clock"
)
ALREADY_OVER = Reason(
    "machines.already_over",
    N_("This slot ended at %(ended)s."),
    N_("Book another one."),
    next_endpoint="machines.catalogue",
    icon="clock",
)
WRONG_CODE = Reason(
    "machines.wrong_code",
    N_("That is not the code shown on the machine now."),
    N_("Read it again on the machine's screen: it changes every minute."),
    icon="qr",
)
TOO_MANY_CODES = Reason(
    "machines.too_many_codes",
    N_("Too many wrong codes for this reservation."),
    N_("Ask a host to check you in from the Today board."),
    icon="qr",
)
SAFETY_NOT_TICKED = Reason(
    "machines.safety_not_ticked",
    N_("Please tick every safety point before starting."),
    N_("They are your promise to the next person."),
    icon="check",
)
