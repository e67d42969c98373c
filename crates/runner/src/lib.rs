//! From a plan to a record on disk, one trial after another.
