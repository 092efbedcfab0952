use proptest::prelude::*;
use rstest::rstest;

use super::*;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long a running pod may go on serving a leaf that was replaced in its Secret.
const KUBELET: SignedDuration = SignedDuration::from_secs(90);

fn start() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn settings() -> Settings {
    Settings {
        names: vec!["vmberth-webhook.vmberth.svc".to_owned()],
        authority_lifetime: DAY * 365,
        leaf_lifetime: DAY * 30,
        overlap: MINUTE * 10,
        settle: SignedDuration::from_secs(5),
    }
}

/// A cluster as small as the plan sees it, with the leaves that pods may still serve.
struct Cluster {
    seen: Observed,
    now: Timestamp,
    served: Vec<(Leaf, Timestamp)>,
    wiped: bool,
    steps: Vec<Step>,
}

impl Cluster {
    fn new(webhooks: usize) -> Self {
        let seen = Observed {
            installed: vec![String::new(); webhooks],
            ..Observed::default()
        };
        Self {
            seen,
            now: start(),
            served: Vec::new(),
            wiped: true,
            steps: Vec::new(),
        }
    }

    /// One round of the loop: a step, if one is due, and its write.
    fn step(&mut self) -> Option<Timestamp> {
        let step = match plan(&self.seen, &settings(), self.now) {
            Plan::Now(step) => step,
            Plan::IdleUntil(until) => return Some(until),
        };
        self.steps.push(step);
        match carry_out(step, &self.seen, &settings(), self.now)
            .unwrap()
            .unwrap()
        {
            Write::Authorities(authorities) => self.seen.authorities = Some(*authorities),
            Write::Bundle(bundle) => {
                self.seen.installed.fill(bundle);
                self.wiped = false;
            }
            Write::Serving(leaf, bundle, rotated) => {
                self.served.push((leaf.clone(), Timestamp::MAX));
                self.seen.leaf = Some(leaf);
                self.seen.bundle = Some(bundle);
                self.seen.rotated = rotated;
                let count = self.served.len();
                if let Some((_, until)) = count.checked_sub(2).map(|at| &mut self.served[at]) {
                    *until = (*until).min(after(self.now, KUBELET));
                }
            }
        }
        None
    }

    fn settle(&mut self) -> Timestamp {
        for _ in 0..20 {
            if let Some(until) = self.step() {
                return until;
            }
        }
        panic!("no rest after 20 steps: {:?}", self.steps);
    }

    fn wait(&mut self, duration: SignedDuration) {
        self.now = after(self.now, duration);
    }

    /// Runs the loop as it runs in life: at every deadline.
    fn run_for(&mut self, duration: SignedDuration) {
        let end = after(self.now, duration);
        loop {
            let next = self.settle();
            assert!(next > self.now, "a deadline in the past would spin");
            if next > end {
                break;
            }
            self.now = next;
        }
        self.now = end;
    }

    /// Every unexpired leaf that a pod may serve now, checked against what kube-apiserver trusts.
    fn no_admission_fails(&self) {
        if self.wiped {
            return;
        }
        for bundle in &self.seen.installed {
            let trusted = Certificate::parse_all(bundle);
            for (leaf, until) in &self.served {
                let leaf = leaf.certificate();
                let matters = *until >= self.now && leaf.not_after() > self.now;
                let believed = trusted.iter().any(|ca| leaf.is_issued_by(ca));
                assert!(!matters || believed, "{leaf:?} not in {trusted:?}");
            }
        }
    }

    /// No trace of a CA anywhere: then nothing can be carried over.
    fn forgot_everything(&self) -> bool {
        self.seen.authorities.is_none()
            && self.seen.bundle.is_none()
            && self.seen.installed.iter().all(String::is_empty)
    }

    fn signing(&self) -> Certificate {
        self.seen
            .authorities
            .as_ref()
            .unwrap()
            .signing
            .certificate
            .clone()
    }
}

#[test]
fn an_empty_cluster_gets_ca_bundle_and_leaf_in_this_order() {
    let mut cluster = Cluster::new(3);
    let next = cluster.settle();
    assert_eq!(
        cluster.steps,
        [Step::Found, Step::Install, Step::Issue(Why::Missing)]
    );
    assert_eq!(next, after(start(), DAY * 20));
    cluster.no_admission_fails();
}

#[test]
fn without_a_configuration_the_leaf_is_made_all_the_same() {
    let mut cluster = Cluster::new(0);
    cluster.settle();
    assert_eq!(cluster.steps, [Step::Found, Step::Issue(Why::Missing)]);
}

#[test]
fn a_requested_rotation_adds_trust_first_and_takes_it_away_last() {
    let mut cluster = Cluster::new(2);
    cluster.settle();
    let old = cluster.signing();
    cluster.steps.clear();
    cluster.seen.rotate = Some("once".to_owned());

    let settled = cluster.settle();
    let introduce = Step::Introduce(Why::Request);
    assert_eq!(
        cluster.steps,
        [introduce, Step::Install, Step::Publish, Step::NoteTrusted]
    );
    assert_eq!(cluster.seen.rotated, None);
    assert!(
        cluster
            .seen
            .leaf
            .as_ref()
            .unwrap()
            .certificate()
            .is_issued_by(&old)
    );

    cluster.steps.clear();
    cluster.now = settled;
    let retire = cluster.settle();
    assert_eq!(
        cluster.steps,
        [Step::IssueFromIncoming, Step::Promote, Step::Publish]
    );
    assert_eq!(cluster.seen.rotated.as_deref(), Some("once"));
    assert_eq!(retire, after(settled, settings().overlap));
    assert!(cluster.seen.installed[0].contains(old.pem()));

    cluster.steps.clear();
    cluster.now = retire;
    cluster.settle();
    assert_eq!(cluster.steps, [Step::Retire, Step::Install, Step::Publish]);
    assert!(!cluster.seen.installed[0].contains(old.pem()));
    cluster.run_for(DAY);
    assert_eq!(
        cluster.steps.len(),
        3,
        "the same request is not carried out twice"
    );
}

#[test]
fn the_leaf_is_renewed_after_two_thirds_and_the_ca_too() {
    let mut cluster = Cluster::new(1);
    cluster.settle();
    let first = cluster.signing();
    cluster.steps.clear();
    cluster.run_for(DAY * 21);
    assert_eq!(cluster.steps, [Step::Issue(Why::Age)]);
    cluster.run_for(DAY * 220);
    assert_eq!(cluster.signing(), first);
    cluster.run_for(DAY * 4);
    assert_ne!(cluster.signing(), first);
    assert!(!cluster.seen.installed[0].contains(first.pem()));
}

#[rstest]
#[case::bundle_wiped(|c: &mut Cluster| c.seen.installed[1].clear(), &[Step::Install])]
#[case::bundle_damaged(|c: &mut Cluster| c.seen.installed[0].push('x'), &[Step::Install])]
#[case::leaf_gone(|c: &mut Cluster| c.seen.leaf = None, &[Step::Issue(Why::Missing)])]
#[case::bundle_in_secret(|c: &mut Cluster| c.seen.bundle = None, &[Step::Publish])]
#[case::note_changed(|c: &mut Cluster| c.seen.rotated = Some("x".into()), &[Step::Publish])]
#[case::other_signer(strange_leaf, &[Step::Issue(Why::Signer)])]
#[case::other_names(other_names, &[Step::Issue(Why::Names)])]
fn damage_is_repaired_by_the_least(#[case] damage: fn(&mut Cluster), #[case] repair: &[Step]) {
    let mut cluster = Cluster::new(2);
    cluster.settle();
    cluster.steps.clear();
    damage(&mut cluster);
    cluster.settle();
    assert_eq!(cluster.steps, repair);
}

fn strange_leaf(cluster: &mut Cluster) {
    let other = issue::authority(start(), DAY).unwrap();
    let leaf = issue::leaf(&other, &settings().names, start(), DAY * 30);
    cluster.seen.leaf = Some(leaf.unwrap());
}

fn other_names(cluster: &mut Cluster) {
    let ours = cluster.seen.authorities.clone().unwrap();
    let leaf = issue::leaf(
        &ours.signing,
        &["other.ns.svc".to_owned()],
        start(),
        DAY * 30,
    );
    cluster.seen.leaf = Some(leaf.unwrap());
}

#[test]
fn a_lost_ca_stays_trusted_while_pods_serve_its_leaf() {
    let mut cluster = Cluster::new(2);
    cluster.settle();
    let lost = cluster.signing();
    cluster.steps.clear();
    cluster.seen.authorities = None;
    let settled = cluster.settle();
    assert_eq!(cluster.steps, [Step::Found, Step::Install]);
    assert_eq!(settled, after(cluster.now, settings().settle));
    cluster.steps.clear();
    cluster.now = settled;
    cluster.settle();
    assert_eq!(cluster.steps, [Step::Issue(Why::Signer)]);
    assert!(cluster.seen.installed[0].contains(lost.pem()));
    cluster.no_admission_fails();
    cluster.run_for(MINUTE * 11);
    assert!(!cluster.seen.installed[0].contains(lost.pem()));
}

#[test]
fn a_cluster_that_slept_past_every_expiry_recovers() {
    let mut cluster = Cluster::new(1);
    cluster.settle();
    cluster.wait(DAY * 800);
    cluster.run_for(MINUTE);
    let leaf = cluster.seen.leaf.as_ref().unwrap().certificate().clone();
    assert!(leaf.not_after() > after(cluster.now, DAY * 29));
    assert!(leaf.is_issued_by(&cluster.signing()));
}

/// An edge node without a battery wakes up years ahead, and its clock is set right afterwards.
#[rstest]
#[case::everything_was_made_then(None)]
#[case::a_rotation_was_under_way(Some("x"))]
fn a_clock_that_was_ahead_leaves_nothing_that_is_not_valid_yet(#[case] request: Option<&str>) {
    let mut cluster = Cluster::new(1);
    cluster.wait(DAY * 3000);
    cluster.settle();
    cluster.seen.rotate = request.map(str::to_owned);
    cluster.settle();
    cluster.now = start();
    cluster.run_for(MINUTE);
    let leaf = cluster.seen.leaf.as_ref().unwrap().certificate().clone();
    assert!(leaf.not_before() <= cluster.now && leaf.not_after() > cluster.now);
    assert!(cluster.signing().not_before() <= cluster.now);
    assert!(leaf.is_issued_by(&cluster.signing()));
    cluster.no_admission_fails();
}

#[derive(Clone, Debug)]
enum Happening {
    Steps(usize),
    Wait(i64),
    Rotate(u8),
    WipeBundle(usize),
    LoseAuthorities,
    LoseServing,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0..6usize).prop_map(Happening::Steps),
        5 => prop_oneof![0..60i64, 0..1200i64, 0..40_000_000i64].prop_map(Happening::Wait),
        3 => any::<u8>().prop_map(Happening::Rotate),
        1 => (0..3usize).prop_map(Happening::WipeBundle),
        1 => Just(Happening::LoseAuthorities),
        1 => Just(Happening::LoseServing),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// However the loop is interrupted, delayed and disturbed: what pods serve is trusted, and the
    /// loop comes to rest.
    #[test]
    fn whatever_happens_no_admission_fails(story in prop::collection::vec(happening(), 1..40)) {
        let mut cluster = Cluster::new(3);
        for happening in story {
            match happening {
                Happening::Steps(count) => for _ in 0..count {
                    cluster.step();
                    cluster.no_admission_fails();
                },
                Happening::Wait(seconds) => cluster.wait(SignedDuration::from_secs(seconds)),
                Happening::Rotate(value) => cluster.seen.rotate = Some(value.to_string()),
                Happening::WipeBundle(at) => {
                    cluster.seen.installed[at].clear();
                    cluster.wiped = true;
                }
                Happening::LoseAuthorities => cluster.seen.authorities = None,
                Happening::LoseServing => {
                    cluster.seen.rotate = None;
                    cluster.seen.leaf = None;
                    cluster.seen.bundle = None;
                    cluster.seen.rotated = None;
                }
            }
            if cluster.forgot_everything() {
                cluster.served.clear();
            }
            cluster.no_admission_fails();
        }
        cluster.run_for(DAY);
        let leaf = cluster.seen.leaf.as_ref().unwrap().certificate().clone();
        prop_assert!(leaf.not_after() > cluster.now);
        prop_assert!(leaf.is_issued_by(&cluster.signing()));
        prop_assert!(cluster.seen.installed.iter().all(|b| b.contains(cluster.signing().pem())));
        if cluster.seen.rotate.is_some() {
            prop_assert_eq!(&cluster.seen.rotated, &cluster.seen.rotate);
        }
    }
}
