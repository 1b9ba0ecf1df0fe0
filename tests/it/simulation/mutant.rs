//! Ways in which an engine can be broken, each at its rim: what it is told, and what it wants. A simulation that lets one of them pass
//! proves nothing.

/// One way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Positions are one record too far.
    CommitsTooEarly,
    /// Positions of assignments that are over are committed.
    ForgetsEpochs,
    /// Messages are sent before the store has granted them.
    ClaimsAfterwards,
    /// Outcomes are published that the store does not know.
    SettlesInItsHead,
    /// Claims of processes that may still answer are taken over.
    TakesClaimsOver,
    /// An outcome is published a second time with another status.
    ChangesItsWord,
    /// An outcome is not published.
    LosesAnOutcome,
    /// A publication that failed counts as one that succeeded.
    TakesFailureForSuccess,
    /// A dead letter is missing.
    LosesALetter,
    /// A timer does not ring.
    LosesATimer,
    /// A record that was read is dropped.
    LosesARecord,
    /// A call is made twice.
    SendsTwice,
    /// A second is half a second long.
    CountsTooFast,
    /// Nothing ever expires.
    StopsTheCalendar,
    /// A message that is given up for now keeps the grant that was set aside for it.
    GivesNothingBack,
    /// A message that has ended leaves the ledger as it was.
    SettlesWithoutGrant,
    /// `WeChat`'s word that a user allows nothing more is never believed.
    DoubtsEveryRefusal,
    /// A message is sent although the user has granted none.
    SendsWithoutGrant,
    /// What an event told of a user counts as noted before the store has answered.
    ReportsInItsHead,
    /// What an event told counts each time it is read.
    CountsAgain,
    /// A login code is exchanged without asking whether it was before.
    ForgetsToRecall,
    /// A record that was set aside is not read again.
    ForgetsWhatIsAside,
    /// The user behind a code is not kept.
    KeepsInItsHead,
    /// A partition counts for its share of the rates as soon as it came.
    SharesAtOnce,
    /// Another record's claim is waited for, however old it is.
    WaitsForTheGone,
    /// Another record's claim is taken over at once.
    GivesOthersNoTime,
    /// A message is `sent` although another record has taken its claim over.
    StandsByItsWord,
    /// The outcome of another record, which lay in the same place before, is taken for the record's own.
    TakesAnothersOutcome,
    /// A machine stood still, and its process goes on with the claims that it had before.
    SpoilsNothing,
    /// What a person has stopped goes on.
    PassesPersonsOver,
}

#[cfg(test)]
const ALL: [Mutant; 30] = [
    Mutant::CommitsTooEarly,
    Mutant::ForgetsEpochs,
    Mutant::ClaimsAfterwards,
    Mutant::SettlesInItsHead,
    Mutant::TakesClaimsOver,
    Mutant::ChangesItsWord,
    Mutant::LosesAnOutcome,
    Mutant::TakesFailureForSuccess,
    Mutant::LosesALetter,
    Mutant::LosesATimer,
    Mutant::LosesARecord,
    Mutant::SendsTwice,
    Mutant::CountsTooFast,
    Mutant::StopsTheCalendar,
    Mutant::GivesNothingBack,
    Mutant::SettlesWithoutGrant,
    Mutant::DoubtsEveryRefusal,
    Mutant::SendsWithoutGrant,
    Mutant::ReportsInItsHead,
    Mutant::CountsAgain,
    Mutant::ForgetsToRecall,
    Mutant::ForgetsWhatIsAside,
    Mutant::KeepsInItsHead,
    Mutant::SharesAtOnce,
    Mutant::WaitsForTheGone,
    Mutant::GivesOthersNoTime,
    Mutant::StandsByItsWord,
    Mutant::TakesAnothersOutcome,
    Mutant::SpoilsNothing,
    Mutant::PassesPersonsOver,
];

/// A mutant that hides in so many worlds is not caught in practice. The shyest ones show themselves in one of a hundred.
#[cfg(test)]
const SEEDS: u64 = 400;

#[test]
fn every_broken_engine_is_caught() {
    use super::World;
    let at_large: Vec<Mutant> = ALL
        .into_iter()
        .filter(|mutant| (0..SEEDS).all(|seed| World::play_broken(seed, *mutant).is_ok()))
        .collect();
    assert!(
        at_large.is_empty(),
        "not caught in {SEEDS} worlds: {at_large:?}"
    );
}
