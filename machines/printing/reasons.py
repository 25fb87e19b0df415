"""How each refusal of printing is said, with the person's next step. Pure data; when they apply is in `rules` and `lint`."""

from __future__ import annotations

from app.kernel.refusals import N_, Reason

NOT_YOURS = Reason(
    "printing.not_yours",
    N_("This reservation is somebody else's."),
    N_("Open your own reservation, or ask them."),
    icon="person",
)
SLOT_NOT_BEGUN = Reason(
    "printing.slot_not_begun",
    N_("Your slot begins at %(start)s."),
    N_("Come back then, or move the reservation earlier."),
    icon="clock",
)
SLOT_OVER = Reason(
    "printing.slot_over",
    N_("Your slot ended at %(end)s."),
    N_("Book another one; the file stays with you."),
    icon="clock",
)
SLOT_CLOSED = Reason(
    "printing.slot_closed",
    N_("This reservation is over."),
    N_("Book another one; the file stays with you."),
    icon="clock",
)
NOT_CHECKED_IN = Reason(
    "printing.not_checked_in",
    N_("You have not checked in at the printer."),
    N_("Scan the code shown at the printer, then start."),
    icon="qr",
)
NOT_CERTIFIED_NOW = Reason(
    "printing.not_certified",
    N_("The “%(competence)s” certification is needed, and it does not hold now."),
    N_("See on the machine’s page how to get or renew it."),
    icon="lock",
)
SUSPENDED_NOW = Reason(
    "printing.suspended",
    N_("Your account is suspended."),
    N_("Talk to the team."),
    icon="person",
)
MACHINE_OUT = Reason(
    "printing.machine_out",
    N_("The printer is out of order."),
    N_("See on the machine’s page until when, or take another printer."),
    icon="repair",
)
MACHINE_BLOCKED = Reason(
    "printing.machine_blocked",
    N_("The printer is kept free for maintenance or something else now."),
    N_("Look at the timetable for when it ends."),
    icon="repair",
)
CLOSED_NOW = Reason(
    "printing.closed_now",
    N_("The lab is closed now."),
    N_("Come back during the opening hours."),
    icon="clock",
    overridable=True,
)
ANOTHER_JOB = Reason(
    "printing.another_job",
    N_("Another print is under way on this printer."),
    N_("Wait until it ends; its page says when."),
    icon="printer",
)
PRINTER_NOT_LINKED = Reason(
    "printing.not_linked",
    N_("The house may not talk to this printer at the moment: its key or its address needs a hand."),
    N_("Tell the team; the administrators have been told."),
    icon="printer",
)
NOT_SEEN_LATELY = Reason(
    "printing.not_seen_lately",
    N_("The printer has not been heard for a while."),
    N_("Check that it is switched on, wait half a minute and start again."),
    icon="printer",
)
PRINTER_AWAY = Reason(
    "printing.printer_away",
    N_("The printer’s server does not answer."),
    N_("Check that it is switched on and wait a minute; if it stays away, tell the team."),
    icon="printer",
)
PRINTER_DISCONNECTED = Reason(
    "printing.disconnected",
    N_("The printer’s server runs, but no printer is connected to it."),
    N_("Check the printer’s switch and cable, or ask the team to connect it."),
    icon="printer",
)
PRINTER_BUSY = Reason(
    "printing.busy",
    N_("The printer is busy with something that was not started here."),
    N_("Look at the printer; tell the team if nobody knows whose it is."),
    icon="printer",
)
ALREADY_STARTED = Reason(
    "printing.already_started",
    N_("This print was started already."),
    N_("Its page shows how far it is."),
    icon="printer",
)
WAITS_FOR_APPROVAL = Reason(
    "printing.waits_for_approval",
    N_("Somebody of the team looks at this print before it may start."),
    N_("They have been told; you get a letter with the answer."),
    icon="clock",
)
NOT_APPROVED = Reason(
    "printing.not_approved",
    N_("The team has not approved this print."),
    N_("Read their reason below, change the file and send it again."),
    icon="stop",
)
BED_NOT_CLEAR = Reason(
    "printing.bed_not_clear",
    N_("Nobody has said yet that the bed is empty and the right filament is in."),
    N_("Look at the printer and tick the box."),
    icon="printer",
)
ENDS_TOO_LATE = Reason(
    "printing.ends_too_late",
    N_("This print would end at %(ends_about)s, and the printer is yours until %(free_until)s."),
    N_("Lengthen the reservation, book a longer slot, or slice for a shorter print."),
    icon="clock",
    overridable=True,
)
NOT_OPEN = Reason(
    "printing.not_open",
    N_("This print is not under way any more."),
    N_("Its page shows how it ended."),
    icon="printer",
)
CANNOT_DO_NOW = Reason(
    "printing.cannot_do_now",
    N_("The print is not in a state for that now."),
    N_("Look at its page again: it shows what can be done."),
    icon="printer",
)
FILE_FORGOTTEN = Reason(
    "printing.file_forgotten",
    N_("This file is not kept any more."),
    N_("Send it again."),
    icon="file",
)
PRINT_UNDER_WAY = Reason(
    "printing.under_way",
    N_("A print is still under way in this reservation."),
    N_("Let it finish or stop it first."),
    icon="printer",
)
ALREADY_DECIDED = Reason(
    "printing.already_decided",
    N_("Somebody has decided about this print already."),
    N_("Read the decision on its page."),
    icon="person",
)
MATERIAL_NOT_TAKEN = Reason(
    "printing.material_not_taken",
    N_("This printer does not take that material."),
    N_("Choose one of those it takes."),
    icon="printer",
)
TOO_LONG_FOR_PRINTER = Reason(
    "printing.too_long_for_printer",
    N_("This print takes about %(needed)s here, and the printer is booked for at most %(longest)s."),
    N_("Cut it into parts, slice it with thicker layers, or ask the team for a longer slot."),
    icon="clock",
)
NOTHING_LONG_ENOUGH = Reason(
    "printing.nothing_long_enough",
    N_("Nothing of %(needed)s is free and open in the two weeks from then."),
    N_("Choose another day, or slice for a shorter print."),
    icon="clock",
)
TIME_UNKNOWN = Reason(
    "printing.time_unknown",
    N_("The file does not say how long it takes, and nothing moves in it."),
    N_("Slice the model again and send the new file."),
    icon="file",
)
