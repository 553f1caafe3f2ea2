use std::sync::Arc;

use super::*;

mod in_memory {
    use super::*;
    crate::conformance_tests!(async || Arc::new(RedbLedger::temporary().unwrap()));
}

mod in_a_file {
    use super::*;
    crate::conformance_tests!(async || {
        // The directory goes at once; an open file outlives its name.
        let directory = tempfile::tempdir().unwrap();
        Arc::new(RedbLedger::open(directory.path().join("ledger")).unwrap())
    });
}
