//! The bookkeeping alone, with reports in any order.

use super::*;

const TICKET: Ticket = Ticket(7);
const OLD: Generation = Generation(0);
const NEW: Generation = Generation(1);

fn both() -> Missing {
    Missing {
        outcome: Some(Size::Whole),
        letter: Some(Size::Whole),
    }
}

fn part(which: Which) -> Part {
    Part {
        ticket: TICKET,
        which,
    }
}

fn lost() -> Result<(), KafkaError> {
    Err(KafkaError::MessageProduction(
        RDKafkaErrorCode::MessageTimedOut,
    ))
}

fn started() -> (Arc<Progresses>, mpsc::UnboundedReceiver<Publication>) {
    let (answers_in, answers) = mpsc::unbounded_channel();
    let progresses = Progresses::new(answers_in);
    let missing = progresses.begin(TICKET, Parts::OutcomeAndLetter);
    assert_eq!(missing, both());
    (progresses, answers)
}

#[test]
fn what_an_old_producer_has_in_hand_fails_once_and_its_failures_count_no_more() {
    let (progresses, mut answers) = started();
    assert_eq!(progresses.replace(NEW), Career::NeverWorked);
    assert_eq!(answers.try_recv(), Ok(Publication::Failed(TICKET)));
    assert_eq!(progresses.begin(TICKET, Parts::OutcomeAndLetter), both());
    progresses.ended(OLD, part(Which::Outcome), &lost());
    progresses.ended(OLD, part(Which::Letter), &lost());
    assert!(answers.try_recv().is_err(), "the new one has not answered");
    progresses.ended(NEW, part(Which::Outcome), &Ok(()));
    progresses.ended(NEW, part(Which::Letter), &Ok(()));
    assert_eq!(answers.try_recv(), Ok(Publication::Acknowledged(TICKET)));
    assert!(answers.try_recv().is_err());
    assert_eq!(progresses.replace(NEW.next()), Career::Worked);
    assert!(answers.try_recv().is_err(), "nothing was in hand");
}

#[test]
fn what_an_old_producer_acknowledges_late_is_not_published_again() {
    let (progresses, mut answers) = started();
    progresses.replace(NEW);
    assert_eq!(answers.try_recv(), Ok(Publication::Failed(TICKET)));
    progresses.ended(OLD, part(Which::Letter), &Ok(()));
    let missing = progresses.begin(TICKET, Parts::OutcomeAndLetter);
    assert_eq!((missing.outcome, missing.letter), (Some(Size::Whole), None));
    // This one came too late to spare the second copy; it is still true, even if the copy is lost.
    progresses.ended(OLD, part(Which::Outcome), &Ok(()));
    assert!(answers.try_recv().is_err());
    progresses.ended(NEW, part(Which::Outcome), &lost());
    assert_eq!(answers.try_recv(), Ok(Publication::Acknowledged(TICKET)));
}

#[test]
fn nothing_is_missing_once_the_old_producer_has_acknowledged_both() {
    let (progresses, mut answers) = started();
    progresses.replace(NEW);
    assert_eq!(answers.try_recv(), Ok(Publication::Failed(TICKET)));
    progresses.ended(OLD, part(Which::Outcome), &Ok(()));
    progresses.ended(OLD, part(Which::Letter), &Ok(()));
    assert!(answers.try_recv().is_err(), "the service has not asked");
    let missing = progresses.begin(TICKET, Parts::OutcomeAndLetter);
    assert_eq!(missing, Missing::default());
    assert_eq!(answers.try_recv(), Ok(Publication::Acknowledged(TICKET)));
}

#[test]
fn a_half_keeps_its_size_and_its_acknowledgement_over_a_replacement() {
    let (progresses, mut answers) = started();
    let too_large = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
    progresses.ended(OLD, part(Which::Letter), &Err(too_large));
    progresses.ended(OLD, part(Which::Outcome), &Ok(()));
    assert_eq!(answers.try_recv(), Ok(Publication::Failed(TICKET)));
    progresses.replace(NEW);
    assert!(answers.try_recv().is_err(), "it has been told already");
    let missing = progresses.begin(TICKET, Parts::OutcomeAndLetter);
    let smaller = Some(Size::WithoutValue);
    assert_eq!((missing.outcome, missing.letter), (None, smaller));
}
