//! The corpus of the fuzzer: whatever once went wrong, and what leads it into every branch.

pub(crate) mod targets;

use std::fs;
use std::path::Path;

#[test]
fn the_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in targets::ALL {
        let mut n_inputs = 0;
        for entry in fs::read_dir(corpus.join(name)).unwrap() {
            target(&fs::read(entry.unwrap().path()).unwrap());
            n_inputs += 1;
        }
        assert!(n_inputs > 0, "the corpus has nothing for {name}");
    }
}
