//! What a person should know or do, beside an object that is admitted.
//!
//! kubectl prints each as `Warning: ...`. The API server cuts one off after 256 characters once all of them are
//! longer than 4096 together (k8s.io/apiserver, admission/plugin/webhook), so they are short, the path first.

use crate::names;
use crate::pages::PageSize;

/// One line for the person who writes the object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The object's label was copied to the template.
    #[error(
        "vmberth.io/inject=false was copied to the template, where pods inherit it; \
         tolerations that are there already stay"
    )]
    OptOutCopied,
    /// An annotation under our name that means nothing: a typing error, most likely.
    #[error("{path}: no annotation of vmberth; there are {}", names::WISHES.join(", "))]
    UnknownAnnotation {
        /// Where it stands.
        path: String,
    },
    /// Memory is not what was written.
    #[error("{path}: {from} became {to}, whole pages of {page}")]
    Rounded {
        /// The field.
        path: String,
        /// What was there.
        from: String,
        /// What is there now.
        to: String,
        /// Size of the pages.
        page: PageSize,
    },
    /// Memory comes from an instancetype, so pages must, too.
    #[error(
        "memory comes from an instancetype, so vmberth leaves it alone: set spec.memory.hugepages.pageSize: {page} there"
    )]
    PagesOfInstancetype {
        /// What was asked for.
        page: PageSize,
    },
    /// An annotation that asks for other pages than there are, whoever put them there.
    #[error(
        "{path}: {there} stays, although annotation vmberth.io/hugepages says {wanted}; change it here, too"
    )]
    PagesStay {
        /// Where the pages' size stands.
        path: String,
        /// The size that is there.
        there: String,
        /// What the annotation says.
        wanted: String,
    },
    /// More virtual functions than are asked for, whoever put them there.
    #[error(
        "{path}: {there} virtual functions of {network} stay, although it says {wanted}; remove interfaces and networks here, too"
    )]
    VfsStay {
        /// Where the number stands.
        path: String,
        /// The network.
        network: String,
        /// How many there are.
        there: usize,
        /// How many are asked for.
        wanted: u8,
    },
    /// A wish on metadata that no instance inherits.
    #[error("{path}: nothing inherits this; write it into {instead}")]
    NotInherited {
        /// Where it stands.
        path: String,
        /// Where it would do something.
        instead: &'static str,
    },
    /// CMK cannot pin a VM.
    #[error(
        "{path}: CMK can't pin a VM, since nothing wraps its process; use spec.domain.cpu.dedicatedCpuPlacement"
    )]
    CmkCores {
        /// The resource's path.
        path: String,
    },
    /// A network that no pod can be plugged into.
    #[error(
        "{path}: there is no NetworkAttachmentDefinition {network}; create it before the VM starts"
    )]
    NetworkMissing {
        /// Where it is named.
        path: String,
        /// `namespace/name`.
        network: String,
    },
    /// A network for virtual functions whose pods would get none.
    #[error(
        "{path}: NetworkAttachmentDefinition {network} lacks the annotation k8s.v1.cni.cncf.io/resourceName, \
         so the VM's pod gets no virtual function for it"
    )]
    NetworkWithoutResource {
        /// Where it is named.
        path: String,
        /// `namespace/name`.
        network: String,
    },
    /// A password that everybody who may read the VM can read.
    #[error("{path}: a password in plain text; use a hash (mkpasswd -m sha-512) or ssh keys")]
    PlainPassword {
        /// Where it is, inside of the cloud-init data.
        path: String,
    },
    /// Cloud-init will not understand it.
    #[error("{path}: cloud-init will not read this: {why}")]
    CloudInitUnreadable {
        /// The field.
        path: String,
        /// The parser's words.
        why: String,
    },
    /// A key whose type OpenSSH does not know.
    #[error("{path}: unknown type of ssh key {kind:?}; is it a public key?")]
    UnknownKeyType {
        /// Where it is, inside of the cloud-init data.
        path: String,
        /// Its first word.
        kind: String,
    },
    /// A profile's keys have no way into the guest.
    #[error(
        "{path}: no cloud-init volume, so the guest gets no ssh keys of Secret {secret} ({why})"
    )]
    KeysLeftOut {
        /// Where the volume would be.
        path: String,
        /// The Secret.
        secret: String,
        /// Who wants it.
        why: String,
    },
    /// Cloud-init gives keys to its default user, and there is none.
    #[error(
        "{path}: users does not name default, so nobody can log in with the ssh keys of Secret {secret}; add it"
    )]
    KeysForNobody {
        /// The volume with the list of users.
        path: String,
        /// The Secret.
        secret: String,
    },
    /// A claim is smaller than what was written.
    #[error(
        "{path}: {from} became {to}, so that the claim with CDI's file system overhead fits a volume of {from}"
    )]
    SizeFitted {
        /// The field.
        path: String,
        /// What was there.
        from: String,
        /// What is there now.
        to: String,
    },
    /// Claims that bind before there is a pod: where that will be, and why, or why nobody has a say in it.
    #[error("{path}: claims of class {class} bind at once: {what}")]
    BindsAtOnce {
        /// What says what is wanted of the claims.
        path: String,
        /// Their class, or classes.
        class: String,
        /// The node and why it was chosen, or why none was.
        what: String,
    },
    /// A VM that no node could ever hold.
    #[error("{path}: {why}")]
    Infeasible {
        /// Where it says what it needs.
        path: String,
        /// The closest node and what it lacks, and the way out.
        why: String,
    },
}
