//! Edits into an RFC 6902 patch.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use vmberth_decide::edit::Edit;

/// The patch with its operations in the order of the edits; the library escapes `/` and `~`.
#[must_use]
pub fn of(edits: &[Edit]) -> Patch {
    let operation = |edit: &Edit| {
        let path = PointerBuf::from_tokens(edit.path.iter().map(AsRef::<str>::as_ref));
        PatchOperation::Add(AddOperation {
            path,
            value: edit.value.clone(),
        })
    };
    Patch(edits.iter().map(operation).collect())
}
