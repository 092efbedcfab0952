//! CDI's scratch space: when it needs some, and whose it is.

use crate::names;

/// Whether CDI has still to fill a claim with these annotations, from what it can't put on disk at once (facts: kubevirt-cdi 4;
/// CDI 1.65, pkg/controller/import-controller.go, `requiresScratchSpace`).
pub fn is_needed<'a>(annotation: impl Fn(&str) -> Option<&'a str>) -> bool {
    let filled = annotation(names::POD_PHASE_ANNOTATION) == Some("Succeeded");
    let of_source = match annotation(names::IMPORT_SOURCE_ANNOTATION) {
        Some("http" | "glance") => true,
        Some("registry") => annotation(names::REGISTRY_METHOD_ANNOTATION) != Some("node"),
        _ => false,
    };
    let wanted = of_source
        || annotation(names::UPLOAD_TARGET_ANNOTATION).is_some()
        || annotation(names::CONTENT_TYPE_ANNOTATION) == Some("archive")
        || annotation(names::REQUIRES_SCRATCH_ANNOTATION) == Some("true");
    wanted && !filled
}

/// The claim that the scratch space of this name is for. CDI shortens names of more than 63 characters, and of those nobody can
/// tell (1.65, pkg/controller/import-controller.go, `createScratchNameFromPvc`).
#[must_use]
pub fn target_of(name: &str) -> Option<&str> {
    let target = name.strip_suffix(names::SCRATCH_SUFFIX)?;
    (!target.is_empty()).then_some(target)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::upload(&[(names::UPLOAD_TARGET_ANNOTATION, "")], true)]
    #[case::http(&[(names::IMPORT_SOURCE_ANNOTATION, "http")], true)]
    #[case::pulled_by_pod(&[(names::IMPORT_SOURCE_ANNOTATION, "registry")], true)]
    #[case::pulled_by_node(&[(names::IMPORT_SOURCE_ANNOTATION, "registry"), (names::REGISTRY_METHOD_ANNOTATION, "node")], false)]
    #[case::archive(&[(names::CONTENT_TYPE_ANNOTATION, "archive")], true)]
    #[case::told(&[(names::REQUIRES_SCRATCH_ANNOTATION, "true")], true)]
    #[case::filled(&[(names::IMPORT_SOURCE_ANNOTATION, "http"), (names::POD_PHASE_ANNOTATION, "Succeeded")], false)]
    #[case::nobody_fills_it(&[], false)]
    fn when_it_is_needed(#[case] annotations: &[(&str, &'static str)], #[case] expected: bool) {
        let annotation = |name: &str| {
            let found = annotations.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| *value)
        };
        assert_eq!(is_needed(annotation), expected);
    }

    #[rstest]
    #[case("disk-scratch", Some("disk"))]
    #[case("disk", None)]
    #[case("-scratch", None)]
    fn whose_it_is(#[case] name: &str, #[case] expected: Option<&str>) {
        assert_eq!(target_of(name), expected);
    }
}
