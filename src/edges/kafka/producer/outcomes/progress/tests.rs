//! The bookkeeping alone, with reports in any order.

use rdkafka::types::RDKafkaErrorCode;

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
    let topics = Topics {
        outcomes: "outcomes".to_owned(),
        dead_letters: "letters".to_owned(),
    };
    let progresses = Progresses::new(answers_in, Arc::new(topics));
    let missing = progresses.begin(TICKET, Parts::OutcomeAndLetter);
    assert_eq!(missing, both());
    (progresses, answers)
}

fn must_fail(answers: &mut mpsc::UnboundedReceiver<Publication>) {
    let answer = answers.try_recv();
    let is_failed = matches!(&answer, Ok(Publication::Failed { ticket: TICKET, .. }));
    assert!(is_failed, "{answer:?}");
}

#[test]
fn what_an_old_producer_has_in_hand_fails_once_and_its_failures_count_no_more() {
    let (progresses, mut answers) = started();
    assert_eq!(progresses.replace(NEW), Career::NeverWorked);
    must_fail(&mut answers);
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
    must_fail(&mut answers);
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
    must_fail(&mut answers);
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
    must_fail(&mut answers);
    progresses.replace(NEW);
    assert!(answers.try_recv().is_err(), "it has been told already");
    let missing = progresses.begin(TICKET, Parts::OutcomeAndLetter);
    let smaller = Some(Size::WithoutValue);
    assert_eq!((missing.outcome, missing.letter), (None, smaller));
}

fn refused(code: RDKafkaErrorCode) -> Result<(), KafkaError> {
    Err(KafkaError::MessageProduction(code))
}

#[test]
fn what_is_refused_for_what_it_is_goes_out_in_its_smallest_form_in_the_end() {
    let sizes = |which, code, n_refusals: usize| {
        let (progresses, mut answers) = started();
        for _ in 0..n_refusals {
            progresses.ended(OLD, part(Which::Outcome), &refused(code));
            progresses.ended(OLD, part(Which::Letter), &refused(code));
            must_fail(&mut answers);
            progresses.begin(TICKET, Parts::OutcomeAndLetter);
        }
        let missing = progresses.begin(TICKET, Parts::OutcomeAndLetter);
        match which {
            Which::Outcome => missing.outcome,
            Which::Letter => missing.letter,
        }
    };
    let large = RDKafkaErrorCode::MessageSizeTooLarge;
    assert_eq!(sizes(Which::Outcome, large, 1), Some(Size::Bare));
    assert_eq!(sizes(Which::Letter, large, 1), Some(Size::WithoutValue));
    for n_refusals in 2..5 {
        assert_eq!(sizes(Which::Letter, large, n_refusals), Some(Size::Bare));
    }
    let invalid = RDKafkaErrorCode::InvalidRecord;
    assert_eq!(sizes(Which::Letter, invalid, 1), Some(Size::Bare));
    let heals = RDKafkaErrorCode::TopicAuthorizationFailed;
    assert_eq!(sizes(Which::Letter, heals, 9), Some(Size::Whole));
}

#[test]
fn a_failure_says_why_and_what_to_do() {
    let (progresses, mut answers) = started();
    progresses.ended(OLD, part(Which::Outcome), &Ok(()));
    let too_large = refused(RDKafkaErrorCode::MessageSizeTooLarge);
    progresses.ended(OLD, part(Which::Letter), &too_large);
    let Ok(Publication::Failed { why, .. }) = answers.try_recv() else {
        panic!("it has not failed");
    };
    assert!(why.starts_with("dead letters to letters: "), "{why}");
    assert!(why.contains("max.message.bytes"), "{why}");
}
