//! The conditions of an inventory: what an operator reads first.
//!
//! Each says in its message what is wrong, with numbers, and what to do next. What could not be read makes a condition
//! Unknown, unless what was read is bad enough by itself. Messages hold no number that changes while guests write, since
//! each change is a write to the API server.

pub(in crate::node) mod advice;
mod functions;
mod machine;
mod persistent_volumes;
mod volumes;
pub(in crate::node) mod words;

pub use advice::advice;

use super::assess::{Assessment, ConditionKind, Finding, Status};
use super::cluster::Cluster;
use super::config::Config;
use super::facts::{Area, Facts};
use crate::inventory;
use crate::words::cut;
use volumes::Before;

/// One finding for each condition, in their order; of the assessment all but findings and advice is read.
#[must_use]
pub fn findings(
    facts: &Facts,
    cluster: &Cluster,
    config: &Config,
    assessment_so_far: &Assessment,
) -> Vec<Finding> {
    let seen = Seen {
        facts,
        cluster,
        config,
        assessment: assessment_so_far,
    };
    let finding = |kind: ConditionKind| {
        let verdict = match kind {
            ConditionKind::VolumesHealthy => volumes::healthy(&seen),
            ConditionKind::DiskPressure => volumes::disk_pressure(&seen, Before::Untold),
            ConditionKind::DevicePluginInSync => functions::device_plugin(&seen),
            ConditionKind::HugePagesInSync => machine::huge_pages(&seen),
            ConditionKind::VirtualizationReady => machine::virtualization(&seen),
            ConditionKind::PvsInSync => persistent_volumes::in_sync(&seen),
        };
        verdict.on(kind)
    };
    ConditionKind::ALL.into_iter().map(finding).collect()
}

/// The finding on disk pressure where it was told before that a file system is nearly full.
#[must_use]
pub fn still_full(
    facts: &Facts,
    cluster: &Cluster,
    config: &Config,
    assessment_so_far: &Assessment,
) -> Finding {
    let seen = Seen {
        facts,
        cluster,
        config,
        assessment: assessment_so_far,
    };
    volumes::disk_pressure(&seen, Before::Told).on(ConditionKind::DiskPressure)
}

/// Findings in the light of what was told before: what is bad stays so until it is clearly better.
#[must_use]
pub fn settled(assessment: &Assessment, before: &[inventory::Condition]) -> Vec<Finding> {
    let pressure = ConditionKind::DiskPressure;
    let mut told = before.iter().filter(|condition| {
        condition.kind == pressure.as_str() && condition.status == Status::True.as_str()
    });
    let was_full = told.any(|condition| condition.message.contains(volumes::NEARLY_FULL));
    let still_full = assessment.still_full.as_ref().filter(|_| was_full);
    let settle = |finding: &Finding| match still_full {
        Some(still_full) if finding.kind == pressure => still_full.clone(),
        Some(_) | None => finding.clone(),
    };
    assessment.findings.iter().map(settle).collect()
}

/// Bytes of a message: a few sentences, and six of them must fit into an inventory.
pub(in crate::node) const MESSAGE_LIMIT: usize = 1024;

/// Findings as conditions; `lastTransitionTime` is `now` where the status is another than before, as Kubernetes means it.
#[must_use]
pub fn carry(
    findings: &[Finding],
    before: &[inventory::Condition],
    now: &str,
) -> Vec<inventory::Condition> {
    let carried = |finding: &Finding| {
        let same = before.iter().find(|condition| {
            condition.kind == finding.kind.as_str() && condition.status == finding.status.as_str()
        });
        inventory::Condition {
            kind: finding.kind.as_str().to_owned(),
            status: finding.status.as_str().to_owned(),
            reason: finding.reason.to_owned(),
            message: finding.message.clone(),
            last_transition_time: same
                .map_or_else(|| now.to_owned(), |same| same.last_transition_time.clone()),
        }
    };
    findings.iter().map(carried).collect()
}

/// What findings are made of.
struct Seen<'a> {
    facts: &'a Facts,
    cluster: &'a Cluster,
    config: &'a Config,
    assessment: &'a Assessment,
}

impl Seen<'_> {
    /// What could not be read of an area, in words.
    fn problems(&self, area: Area) -> Option<String> {
        let problems = self
            .facts
            .problems
            .iter()
            .filter(|problem| problem.area == area);
        let told: Vec<String> = problems
            .map(|problem| format!("{}: {}", problem.path, problem.reason))
            .collect();
        (!told.is_empty()).then(|| format!("can't be read: {}", words::listed(&told)))
    }

    /// [`Verdict::good`], or Unknown if something of the area could not be read.
    fn good_if_readable(&self, area: Area, reason: &'static str, message: String) -> Verdict {
        match self.problems(area) {
            Some(problems) => Verdict::unknown("Unreadable", problems),
            None => Verdict::of(Status::True, reason, message),
        }
    }
}

/// A finding without its kind.
struct Verdict {
    status: Status,
    reason: &'static str,
    message: String,
}

impl Verdict {
    fn of(status: Status, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            reason,
            message: message.into(),
        }
    }

    fn good(reason: &'static str, message: impl Into<String>) -> Self {
        Self::of(Status::True, reason, message)
    }

    fn bad(reason: &'static str, message: impl Into<String>) -> Self {
        Self::of(Status::False, reason, message)
    }

    fn unknown(reason: &'static str, message: impl Into<String>) -> Self {
        Self::of(Status::Unknown, reason, message)
    }

    fn on(self, kind: ConditionKind) -> Finding {
        Finding {
            kind,
            status: self.status,
            reason: self.reason,
            message: cut(&self.message, MESSAGE_LIMIT),
        }
    }

    /// The same, with more to say.
    fn and(mut self, more: Option<String>) -> Self {
        if let Some(more) = more {
            self.message = format!("{}; {more}", self.message);
        }
        self
    }
}

#[cfg(test)]
mod tests;
