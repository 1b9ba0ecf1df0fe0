//! The names by which outcomes are found: event ids, business keys, numbers and the like, as short hashes.
//!
//! Rows are numbered in the order in which they were taken in. 65,536 of them are a chapter. The hashes of the chapter that is being written lie in
//! memory, and are made again from its rows at the start. When it is full they are written once, sorted, in 256 parts by their first byte: no page
//! of the file is touched for a single name, and an entry takes five bytes. A search looks at one part of each chapter. What it finds is held
//! against the outcome itself, since hashes may be the same by chance.
//!
//! An outcome's own id names the place of its record, and is found by that ([`place_key`]).

use std::collections::BTreeSet;

use super::row::is_of_event;
use super::told::Span;
use wx_courier_core::model::outcome::Outcome;

/// The number of a row.
pub(super) type Row = i64;

/// How many bits of its number tell a row's place in its chapter. In unit tests chapters are short, so that they come to their end.
const CHAPTER_BITS: u32 = if cfg!(test) { 6 } else { 16 };

/// The chapter of a row.
pub(super) fn chapter_of(row: Row) -> i64 {
    row >> CHAPTER_BITS
}

/// The first row of a chapter.
pub(super) fn first_row(chapter: i64) -> Row {
    chapter << CHAPTER_BITS
}

/// How many parts a chapter has.
const PARTS: i64 = 256;

/// A hash of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hash(u32);

impl Hash {
    pub(super) fn of(name: &str) -> Self {
        let [a, b, c, d, ..] = hash(name.as_bytes()).to_be_bytes();
        Self(u32::from_be_bytes([a, b, c, d]))
    }

    /// In which part of a chapter it stands.
    pub(super) fn part(self, chapter: i64) -> i64 {
        let [first, ..] = self.0.to_be_bytes();
        chapter * PARTS + i64::from(first)
    }

    /// What stands there of it.
    fn rest(self) -> [u8; 3] {
        let [_, rest @ ..] = self.0.to_be_bytes();
        rest
    }
}

/// The first part of a chapter.
pub(super) fn first_part(chapter: i64) -> i64 {
    chapter * PARTS
}

/// FNV-1a with its bits mixed at the end. The same in every version: it stands in the file.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        hash ^= u64::from(*byte);
        hash = hash.wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

/// The hashes under which an outcome is found.
pub(super) fn hashes_of(outcome: &Outcome) -> impl Iterator<Item = Hash> {
    let is_told_by_others = outcome.message_id == outcome.id || is_of_event(outcome);
    let message_id = (!is_told_by_others).then_some(outcome.message_id.as_str());
    let hash = outcome.recipient_hash.as_ref().map(|hash| hash.as_str());
    let key = &outcome.business_key;
    let names = [
        message_id,
        outcome.event_id.as_deref(),
        key.as_deref().filter(|_| *key != outcome.event_id),
        outcome.msgid.as_deref(),
        outcome.rid.as_deref(),
        outcome.recipient.as_deref(),
        hash,
    ];
    let names = names.into_iter().flatten();
    names.filter(|name| !name.is_empty()).map(Hash::of)
}

/// Whether this is one of the outcome's names.
pub(super) fn is_name_of(name: &str, outcome: &Outcome) -> bool {
    let hash = outcome.recipient_hash.as_ref().map(|hash| hash.as_str());
    let names = [
        Some(outcome.id.as_str()),
        Some(outcome.message_id.as_str()),
        outcome.event_id.as_deref(),
        outcome.business_key.as_deref(),
        outcome.msgid.as_deref(),
        outcome.rid.as_deref(),
        outcome.recipient.as_deref(),
        hash,
    ];
    names.contains(&Some(name))
}

/// What is looked for where a person names something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The name itself, and what may be the event id at the end of a message id.
    pub(super) hashes: BTreeSet<Hash>,
    /// The place of the record, if the name may be an outcome's id.
    pub(super) place: Option<i64>,
}

/// No source of events has more bars in its name.
const MOST_BARS: usize = 8;

impl Wanted {
    pub(super) fn of(name: &str) -> Self {
        // `rule|source|event id`: the event id begins behind the second bar, or behind a later one if the source has bars.
        let event_ids = name.match_indices('|').skip(1).take(MOST_BARS);
        let event_ids = event_ids.filter_map(|(at, bar)| name.get(at + bar.len()..));
        let mut parts = name.splitn(4, '/');
        let place = match (parts.next(), parts.next(), parts.next()) {
            (Some(topic), Some(partition), Some(offset)) => {
                let partition = partition.parse().ok();
                let offset = offset.split_once('~').map_or(offset, |(offset, _)| offset);
                partition
                    .zip(offset.parse().ok())
                    .map(|(partition, offset)| place_key(topic, partition, offset))
            }
            _ => None,
        };
        Self {
            hashes: event_ids.chain([name]).map(Hash::of).collect(),
            place,
        }
    }
}

/// How many bits of a place tell the offset.
const OFFSET_BITS: u32 = 40;

/// The place of a source record as a number: twenty bits of a hash of topic and partition, then the offset. Records that follow each other have
/// numbers that do.
pub(super) fn place_key(topic: &str, partition: i32, offset: i64) -> i64 {
    let mut partition_name = topic.as_bytes().to_vec();
    partition_name.extend_from_slice(&partition.to_be_bytes());
    let [a, b, c, ..] = hash(&partition_name).to_be_bytes();
    let high = i64::from(u32::from_be_bytes([0, a, b, c]) >> 4);
    (high << OFFSET_BITS) | (offset & ((1 << OFFSET_BITS) - 1))
}

/// The names of the chapter that is being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    pub(super) chapter: i64,
    entries: BTreeSet<(Hash, u16)>,
    /// Between which times its outcomes were settled; none while there are none.
    pub(super) span: Option<Span>,
}

impl Open {
    pub(super) fn new(chapter: i64) -> Self {
        Self {
            chapter,
            ..Self::default()
        }
    }

    /// Takes in the names of a row that was settled then. A row of another chapter is passed over.
    pub(super) fn add(&mut self, row: Row, at_ms: i64, hashes: impl Iterator<Item = Hash>) {
        let Ok(place) = u16::try_from(row - first_row(self.chapter)) else {
            return;
        };
        self.entries.extend(hashes.map(|hash| (hash, place)));
        widen(&mut self.span, at_ms);
    }

    /// Takes in what another one of the same chapter has.
    pub(super) fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
        if let Some(span) = other.span {
            widen(&mut self.span, span.from_ms);
            widen(&mut self.span, span.to_ms - 1);
        }
    }

    /// The rows with this name, and those whose names have the same hash.
    pub(super) fn rows(&self, hash: Hash) -> impl Iterator<Item = Row> {
        let first = first_row(self.chapter);
        let places = self.entries.range((hash, 0)..=(hash, u16::MAX));
        places.map(move |(_, place)| first + Row::from(*place))
    }

    /// The parts of a full chapter, by their numbers. Those without a name are left out.
    pub(super) fn parts(&self) -> Vec<(i64, Vec<u8>)> {
        let mut parts: Vec<(i64, Vec<u8>)> = Vec::new();
        for (hash, place) in &self.entries {
            let part = hash.part(self.chapter);
            if parts.last().is_none_or(|(last, _)| *last != part) {
                parts.push((part, Vec::new()));
            }
            if let Some((_, entries)) = parts.last_mut() {
                entries.extend_from_slice(&hash.rest());
                entries.extend_from_slice(&place.to_be_bytes());
            }
        }
        parts
    }
}

fn widen(span: &mut Option<Span>, at_ms: i64) {
    let known = span.unwrap_or(Span {
        from_ms: at_ms,
        to_ms: at_ms + 1,
    });
    *span = Some(Span {
        from_ms: known.from_ms.min(at_ms),
        to_ms: known.to_ms.max(at_ms + 1),
    });
}

/// Bytes of an entry in a part.
const ENTRY: usize = 5;

/// The rows of a part of a chapter under a hash.
pub(super) fn rows_of_part(chapter: i64, entries: &[u8], hash: Hash) -> impl Iterator<Item = Row> {
    let first = first_row(chapter);
    let wanted = hash.rest();
    let (entries, _) = entries.as_chunks::<ENTRY>();
    let begin = entries.partition_point(|[a, b, c, ..]| [*a, *b, *c] < wanted);
    let rest = entries.get(begin..).unwrap_or_default();
    let found = rest
        .iter()
        .take_while(move |[a, b, c, ..]| [*a, *b, *c] == wanted);
    found.map(move |[.., high, low]| first + Row::from(u16::from_be_bytes([*high, *low])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_chapter_finds_what_it_found_when_it_was_open() {
        let mut open = Open::new(3);
        let mut later = Open::new(3);
        let n_rows = first_row(4) - first_row(3);
        let name = |number: i64| format!("order-{}", number % 20);
        for number in 0..n_rows {
            let row = first_row(3) + number;
            let hashes = [Hash::of(&name(number)), Hash::of("***")].into_iter();
            let half = if number < 10 { &mut open } else { &mut later };
            half.add(row, 1_000 + number, hashes);
        }
        open.extend(later);
        let parts = open.parts();
        let span = Span {
            from_ms: 1_000,
            to_ms: 1_000 + n_rows,
        };
        assert_eq!(open.span, Some(span));
        for wanted in ["order-0", "order-19", "***", "other", ""] {
            let hash = Hash::of(wanted);
            let part = parts.iter().find(|(part, _)| *part == hash.part(3));
            let entries = part.map_or(&[][..], |(_, entries)| entries.as_slice());
            let sealed: BTreeSet<Row> = rows_of_part(3, entries, hash).collect();
            let found: BTreeSet<Row> = open.rows(hash).collect();
            assert_eq!(sealed, found, "{wanted}");
        }
        assert_eq!(
            open.rows(Hash::of("***")).count(),
            usize::try_from(n_rows).unwrap()
        );
        assert_eq!(open.rows(Hash::of("order-7")).count(), 3);
        assert!(parts.iter().all(|(part, _)| part.div_euclid(PARTS) == 3));
    }

    #[test]
    fn a_message_id_is_found_by_its_event_id_and_an_outcome_by_its_place() {
        let wanted = Wanted::of("order-completed|/shop|east|1042");
        for part in ["order-completed|/shop|east|1042", "east|1042", "1042"] {
            assert!(wanted.hashes.contains(&Hash::of(part)), "{part}");
        }
        assert_eq!(wanted.hashes.len(), 3);
        assert_eq!(wanted.place, None);
        let place = Some(place_key("orders", 3, 1042));
        for id in [
            "orders/3/1042/done",
            "orders/3/1042",
            "orders/3/1042~0a1b2c3d",
            "orders/3/1042/a/b",
        ] {
            assert_eq!(Wanted::of(id).place, place, "{id}");
        }
        assert_eq!(Wanted::of("orders/x/1042").place, None);
    }

    #[test]
    fn places_of_one_partition_stand_in_their_order() {
        let keys: Vec<i64> = (0..1_000)
            .map(|offset| place_key("orders", 1, offset))
            .collect();
        assert!(keys.is_sorted() && keys.iter().all(|key| *key >= 0));
        assert_ne!(place_key("orders", 1, 0), place_key("orders", 2, 0));
        // Offsets that no partition has do not leave their partition.
        let part = |key: i64| key >> OFFSET_BITS;
        assert_eq!(
            part(place_key("orders", 1, i64::MAX)),
            part(place_key("orders", 1, -1))
        );
    }

    #[test]
    fn hashes_are_those_of_the_files_that_are_about() {
        assert_eq!(Hash::of("order-1042"), Hash::of("order-1042"));
        assert_eq!(hash(b""), 0xecba_3df2_c338_3c52);
    }
}
