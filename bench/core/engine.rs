//! An engine with a store that answers at once, and with messages whose calls do not come back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use wx_courier_core::event::Decoding;
use wx_courier_core::flow::attempt::{RetryPlan, SendAnswer};
use wx_courier_core::flow::{Effect, Engine, Input, Setup, Unmatched};
use wx_courier_core::model::outcome::{Outcome, RecipientKey, RecipientStyle};
use wx_courier_core::model::{Epoch, Moment, Partition, Record};
use wx_courier_core::schedule::admission::AppBounds;
use wx_courier_core::schedule::pauses::{Threshold, Unheard};
use wx_courier_core::state::MemoryStore;

use crate::{event, rules};

/// The partition of the calls that do not come back.
const STUCK: i32 = 1;

/// The partition of what goes through.
const MEASURED: i32 = 0;

/// What the engine has to do with.
pub(crate) struct World {
    engine: Engine,
    store: MemoryStore,
    now: Moment,
    next_offset: i64,
}

impl World {
    /// An engine with so many messages under way.
    pub(crate) fn with_in_flight(in_flight: usize) -> Self {
        let setup = Setup {
            decoding: Decoding::default(),
            apps: BTreeMap::from([(
                Arc::from("shop"),
                AppBounds {
                    rate: None,
                    max_in_flight: 2 * in_flight,
                },
            )]),
            retry: RetryPlan::default(),
            max_messages: 4 * in_flight,
            max_bytes: 1 << 30,
            recipient_style: RecipientStyle::Masked,
            recipient_key: Some(RecipientKey::new("0123456789abcdef")),
            unmatched: Unmatched::Count,
            answers: None,
            receipts: BTreeSet::new(),
            breaker: Threshold {
                count: 20,
                ratio: 0.5,
            },
            refusal_wave: Threshold::default(),
            call_limit: Duration::from_secs(5),
            unheard: Unheard::Nothing,
            process: 1,
            seed: 1,
        };
        let mut world = Self {
            engine: Engine::new(setup, rules::set(1)),
            store: MemoryStore::new(1_000),
            now: Moment {
                elapsed: Duration::ZERO,
                unix_ms: event::NOW_MS,
            },
            next_offset: 0,
        };
        let partitions = vec![
            (partition(STUCK), Epoch(1)),
            (partition(MEASURED), Epoch(1)),
        ];
        world.step(Input::Assigned(partitions));
        // These calls stay away. They are of another partition, or everything later would wait behind them for its commit, and the
        // engine would in the end read no further.
        for _ in 0..in_flight {
            let effects = world.read(STUCK);
            assert!(matches!(*effects, [Effect::Send { .. }]), "it is called");
        }
        world
    }

    /// One more message, from its record to its acknowledged outcome.
    pub(crate) fn one_more(&mut self) -> Arc<Outcome> {
        let mut outcome = None;
        let mut effects = self.read(MEASURED);
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::Send { ticket, .. } => effects.extend(self.step(Input::SendFinished {
                    ticket,
                    answer: SendAnswer::Accepted {
                        msgid: Some("2097683633284153344".to_owned()),
                    },
                    api_ms: 50,
                })),
                Effect::Publish { ticket, .. } => {
                    effects.extend(self.step(Input::Published { ticket }));
                }
                Effect::Ended { outcome: settled } => outcome = Some(settled),
                Effect::StoreOffset { .. } => {}
                other => panic!("{other:?} in an uneventful life"),
            }
        }
        outcome.expect("it ends with an outcome")
    }

    fn read(&mut self, number: i32) -> Vec<Effect> {
        // Offsets only rise, in both partitions, so that no event has the id or the user of another.
        let record = Record {
            partition: number,
            ..event::record(self.next_offset)
        };
        self.next_offset += 1;
        let epoch = Epoch(1);
        self.step(Input::Record { epoch, record })
    }

    /// A step, and those that the store's answers lead to.
    fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.engine.step(self.now, input, &mut effects);
        let mut left = Vec::new();
        for effect in effects {
            if let Effect::AskStore { ticket, request } = effect {
                let answer = self.store.answer(&request);
                left.extend(self.step(Input::StoreAnswered { ticket, answer }));
            } else {
                left.push(effect);
            }
        }
        left
    }
}

fn partition(number: i32) -> Partition {
    Partition {
        topic: Arc::from("order-events"),
        number,
    }
}
