//! Edits that are decided after all others, since they depend on the object as those leave it.

use super::{LeftAlone, Mutation, own_metadata, record};
use crate::edit::{Edit, Why};
use crate::subject::Review;
use crate::warning::Warning;

impl Mutation {
    /// Whether the object is of ours and left to us, changed or not.
    #[must_use]
    pub fn is_of_ours(&self) -> bool {
        match self.left_alone {
            None | Some(LeftAlone::Complete | LeftAlone::NotTouched) => true,
            Some(
                LeftAlone::NotOurs
                | LeftAlone::ExemptNamespace
                | LeftAlone::OptedOut
                | LeftAlone::OwnedByMachine,
            ) => false,
        }
    }

    /// The same with more edits of the same object that is made, recorded as the others are, and more to say.
    #[must_use]
    pub fn with(mut self, review: &Review<'_>, edits: Vec<Edit>, warnings: Vec<Warning>) -> Self {
        self.warnings.extend(warnings);
        if edits.is_empty() {
            return self;
        }
        self.left_alone = None;
        self.edits.retain(|edit| edit.why != Why::Record);
        self.edits.extend(edits);
        let record = record::of(&self.edits, own_metadata(&review.object), None);
        self.edits.extend(record);
        self
    }
}
