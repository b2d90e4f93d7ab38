"""The mistakes M1 to M28, in order."""

from tests.campaign.mutants import catalogue_seeing, catalogue_sending
from tests.campaign.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = tuple(
    sorted((*catalogue_sending.MUTANTS, *catalogue_seeing.MUTANTS), key=lambda mutant: int(mutant.id[1:]))
)


def mutant_named(name: str) -> Mutant:
    """Return a mutant by its id. Raises ValueError."""
    for mutant in MUTANTS:
        if mutant.id == name:
            return mutant
    raise ValueError(f"{name}: write one of {', '.join(mutant.id for mutant in MUTANTS)}")
