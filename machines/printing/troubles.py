"""How each way in which a printer's server fails is said to staff: what is so, what to do, never the server's own words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from app.kernel.refusals import N_, Reason, Refusal, Term
from machines.printing import gateway
from machines.printing.rules import Circuit

UNREACHABLE = Reason(
    "printing.unreachable",
    N_("The printer’s server does not answer at this address."),
    N_("Check that it is switched on, on the lab’s network, and that the address and the port are right."),
    icon="printer",
)
NOT_SECURE = Reason(
    "printing.not_secure",
    N_("Something answers at this address, but no safe connection can be made with it."),
    N_("Check that the port is the one for https; without https there, give an address that begins with http://."),
    icon="lock",
)
UNTRUSTED = Reason(
    "printing.untrusted",
    N_("The printer’s server shows a certificate that the house does not trust. Nothing was sent to it, not even the key."),
    N_("If it is really this server, give its certificate on this page, under “Certificate of its server”."),
    icon="lock",
)
WRONG_NAME = Reason(
    "printing.wrong_name",
    N_("The certificate of the printer’s server is of another name than this address. Nothing was sent to it."),
    N_("Use the name that is in the certificate as the address, or make one for this address and give it on this page."),
    icon="lock",
)
OUT_OF_DATE = Reason(
    "printing.out_of_date",
    N_("The certificate of the printer’s server is over, or not valid yet. Nothing was sent to it."),
    N_("Look at the clocks of both; otherwise make another certificate there, and give it on this page."),
    icon="clock",
)
STARTING_UP = Reason(
    "printing.starting_up",
    N_("The printer’s server is starting."),
    N_("Wait a minute and try again."),
    icon="clock",
)
OUTCOME_UNKNOWN = Reason(
    "printing.outcome_unknown",
    N_("The server took the request and did not answer in time: it may have been done."),
    N_("Wait a minute, then test the connection before anything else."),
    icon="clock",
)
NO_KEY = Reason(
    "printing.no_key",
    N_("The house has no key to this printer’s server yet."),
    N_("Ask for one below."),
    icon="lock",
)
BAD_KEY = Reason(
    "printing.bad_key",
    N_("The printer’s server does not accept the key."),
    N_("It may be mistyped, or have been revoked there: ask for a new one."),
    icon="lock",
)
FORBIDDEN = Reason(
    "printing.forbidden",
    N_("The key is known there, and its user may not do this."),
    N_("Give that user the permissions listed below, or choose another user."),
    icon="lock",
)
CONFLICT = Reason(
    "printing.conflict",
    N_("The printer is in another state than this needs."),
    N_("Look at the printer, then try again."),
    icon="printer",
)
NOT_THERE = Reason(
    "printing.not_there",
    N_("Something answers at this address, but not an OctoPrint that knows this request."),
    N_("Check the address and the path, and that the Application Keys plugin is on."),
    icon="printer",
)
REJECTED = Reason(
    "printing.rejected",
    N_("The printer’s server refuses what was sent."),
    N_("Check the name of the user, then try again."),
    icon="stop",
)
RATE_LIMITED = Reason(
    "printing.rate_limited",
    N_("The printer’s server was asked too often and wants a pause."),
    N_("Wait a minute, then try again: it takes three requests a minute, and ten an hour."),
    icon="clock",
)
SERVER_FAULT = Reason(
    "printing.server_fault",
    N_("The printer’s server gave an answer that makes no sense."),
    N_("Check that the address is OctoPrint’s, look at its log, restart it if need be."),
    icon="warn",
)
ADDRESS_REFUSED = Reason(
    "printing.address_refused",
    N_("The house may not talk to this address."),
    N_("Only the networks and ports listed on this page are open; the page says how to widen them."),
    icon="stop",
)

REASONS: Mapping[type[gateway.PrinterError], Reason] = {
    gateway.Unreachable: UNREACHABLE,
    gateway.NotSecure: NOT_SECURE,
    gateway.Untrusted: UNTRUSTED,
    gateway.WrongName: WRONG_NAME,
    gateway.OutOfDate: OUT_OF_DATE,
    gateway.StartingUp: STARTING_UP,
    gateway.OutcomeUnknown: OUTCOME_UNKNOWN,
    gateway.BadKey: BAD_KEY,
    gateway.Forbidden: FORBIDDEN,
    gateway.Conflict: CONFLICT,
    gateway.NotFound: NOT_THERE,
    gateway.Rejected: REJECTED,
    gateway.TooLarge: REJECTED,
    gateway.RateLimited: RATE_LIMITED,
    gateway.ServerFault: SERVER_FAULT,
    gateway.AddressRefused: ADDRESS_REFUSED,
}


def refusal(error: gateway.PrinterError) -> Refusal:
    """What to tell of an error, by its class alone."""
    return next((REASONS[kind] for kind in type(error).__mro__ if kind in REASONS), SERVER_FAULT)()


class Linked(NamedTuple):
    """What is known of a link."""

    is_enabled: bool
    has_key: bool
    circuit: Circuit
    trouble: str | None
    has_wrong_permissions: bool


class Standing(NamedTuple):
    """How a link stands: a tone, a word, and for staff what is wrong."""

    tone: str
    words: Term
    refusal: Refusal | None = None


def standing(link: Linked) -> Standing:
    """`trouble` is the name of the error's class, as the engine keeps it."""
    if not link.is_enabled:
        return Standing("none", Term(N_("Switched off")))
    if not link.has_key:
        return Standing("care", Term(N_("No key yet")), NO_KEY())
    if link.circuit is not Circuit.CLOSED:
        known = {kind.__name__: reason for kind, reason in REASONS.items()}
        otherwise = BAD_KEY if link.circuit is Circuit.AUTH else UNREACHABLE
        return Standing("stop", Term(N_("The house cannot talk to it")), known.get(link.trouble or "", otherwise)())
    if link.has_wrong_permissions:
        return Standing("care", Term(N_("Its permissions need a look")))
    return Standing("free", Term(N_("In order")))
