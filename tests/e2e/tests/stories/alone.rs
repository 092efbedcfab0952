//! Stories that count calls and memory, and so play alone: first, and one after the other, since
//! whoever plays alone has to wait until all others have ended.

mod bad_input;
mod entries;
mod ordinary_pods;
