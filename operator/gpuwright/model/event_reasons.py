"""Reasons of the Events that we send, each with a sentence; few of them, so that a workflow stays under ten Events."""

from enum import StrEnum


class EventReason(StrEnum):
    """Why an Event was sent. docs/reasons.md says what a person does about each."""

    # A look found a machine of ours of which no answer had told us, or a person had us take one over.
    ADOPTED = "Adopted"
    # The provider promised that nothing was made; the next name follows.
    RETRYING = "Retrying"
    # The answer to a create was lost; the machine is being looked for.
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    # The machine is gone, and nobody of us terminated it.
    LOST = "Lost"
    # The machine is terminated, or was lost, and another one follows.
    REPLACING = "Replacing"
    # The machine has reached the age that the spec gives it, and is terminated.
    EXPIRED = "Expired"
    # A second machine of one owner was found, and is terminated.
    DUPLICATE_TERMINATED = "DuplicateTerminated"
    # The object was let go; the note says when and how it was proven that nothing is left.
    RELEASED = "Released"
    # The object was let go, and its machine is kept on purpose.
    RETAINED = "Retained"
    # The object was let go without proof: its machine may still bill.
    FORGOTTEN = "Forgotten"
    # The provider answers again.
    PROVIDER_ONLINE = "ProviderOnline"
    # The provider does not answer any more; nothing is created or concluded until it does.
    PROVIDER_UNREACHABLE = "ProviderUnreachable"
    # The provider refuses our credentials.
    CREDENTIALS_REJECTED = "CredentialsRejected"
    # Many machines are missing from one list; nothing is concluded from it.
    MASS_ABSENCE = "MassAbsence"
    # A machine exists although an answer promised that none was made.
    PROMISE_BROKEN = "PromiseBroken"
    # Machines carry our tag, and their object is gone.
    ORPHAN_FOUND = "OrphanFound"
    # The sweep has terminated a machine whose object is gone.
    ORPHAN_TERMINATED = "OrphanTerminated"
    # So many machines look as if their objects were gone that the sweep terminates none.
    TOO_MANY_ORPHANS = "TooManyOrphans"
    # The provider or its Secret is to be deleted, and is kept while machines need it.
    IN_USE = "InUse"
