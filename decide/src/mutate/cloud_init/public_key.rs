//! Public keys as a file authorized_keys holds them: `[options] type base64 [comment]` (sshd(8)).
//!
//! The base64 holds fields, each with its length before it, and the first repeats the type (RFC 4253, section 6.6). So a
//! key that was cut, wrapped or mislabelled can be told without knowing its algorithm.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How a right one looks.
pub(super) const EXPECTED: &str = "one line for each public key, like \"ssh-ed25519 AAAA... comment\" in the .pub file of ssh-keygen";

/// The types that sshd and cloud-init know (cloud-init, module cc_ssh), with the number of their fields; that of
/// certificates and of XMSS differs.
const TYPES: [Type; 18] = [
    ("ssh-ed25519", Some(2)),
    ("ssh-rsa", Some(3)),
    ("ssh-dss", Some(5)),
    ("ecdsa-sha2-nistp256", Some(3)),
    ("ecdsa-sha2-nistp384", Some(3)),
    ("ecdsa-sha2-nistp521", Some(3)),
    ("sk-ssh-ed25519@openssh.com", Some(3)),
    ("sk-ecdsa-sha2-nistp256@openssh.com", Some(4)),
    ("ssh-xmss@openssh.com", None),
    ("ssh-ed25519-cert-v01@openssh.com", None),
    ("ssh-rsa-cert-v01@openssh.com", None),
    ("ssh-dss-cert-v01@openssh.com", None),
    ("ecdsa-sha2-nistp256-cert-v01@openssh.com", None),
    ("ecdsa-sha2-nistp384-cert-v01@openssh.com", None),
    ("ecdsa-sha2-nistp521-cert-v01@openssh.com", None),
    ("sk-ssh-ed25519-cert-v01@openssh.com", None),
    ("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", None),
    ("ssh-xmss-cert-v01@openssh.com", None),
];

type Type = (&'static str, Option<usize>);

/// First bytes of OpenSSH's private keys, behind their base64 (openssh, PROTOCOL.key).
const PRIVATE_KEY: &[u8] = b"openssh-key-v1";

/// Why a text holds no public key that sshd takes; in words that repeat nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoKey {
    /// Somebody took the wrong one of the two files.
    #[error("a private key")]
    Private,
    /// Of PEM or of PuTTY.
    #[error("a key in the form of PEM or PuTTY")]
    OtherForm,
    /// Only its base64.
    #[error("a key without its type before it")]
    NoType,
    /// A word by itself.
    #[error("a single word, like a part of a key that was wrapped over several lines")]
    Part,
    /// A character is wrong or missing.
    #[error("a key of type {0} with broken base64")]
    Broken(&'static str),
    /// Its base64 can be read, and ends too early.
    #[error("a key of type {0} that is cut off, like one that was wrapped over several lines")]
    CutOff(&'static str),
    /// Its first word is not what its base64 says.
    #[error("a key that is called {called} and is {inside}")]
    OtherType {
        /// Its first word.
        called: &'static str,
        /// What it is.
        inside: &'static str,
    },
}

/// Checks a text of one or more lines. Gives back the types that sshd does not know, for people to look at.
pub(super) fn check(text: &str) -> Result<Vec<String>, NoKey> {
    if text.contains("PRIVATE KEY-----") || text.contains("PuTTY-User-Key-File") {
        return Err(NoKey::Private);
    }
    if text.contains("-----BEGIN ") || text.contains("---- BEGIN SSH2 ") {
        return Err(NoKey::OtherForm);
    }
    let mut unknown = Vec::new();
    // sshd skips empty lines and comments.
    let lines = text.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        unknown.extend(check_line(line)?);
    }
    Ok(unknown)
}

/// As `sshd` does it: with a type at the start, else behind options.
fn check_line(line: &str) -> Result<Option<String>, NoKey> {
    let (first, rest) = word(line);
    let behind_options = after_options(line).map(word);
    let typed = [Some((first, rest)), behind_options]
        .into_iter()
        .flatten()
        .find_map(|(first, rest)| Some((known(first.as_bytes())?, rest)));
    if let Some((kind, rest)) = typed {
        return check_key(kind, word(rest).0).map(|()| None);
    }
    let blob = STANDARD.decode(first).unwrap_or_default();
    match field(&blob) {
        _ if blob.starts_with(PRIVATE_KEY) => Err(NoKey::Private),
        Some((inside, _)) if known(inside).is_some() => Err(NoKey::NoType),
        _ if rest.is_empty() => Err(NoKey::Part),
        _ => Ok(Some(shown(first))),
    }
}

fn check_key((name, fields): Type, base64: &str) -> Result<(), NoKey> {
    let blob = STANDARD.decode(base64).map_err(|_| NoKey::Broken(name))?;
    if blob.starts_with(PRIVATE_KEY) {
        return Err(NoKey::Private);
    }
    let (inside, mut rest) = field(&blob).ok_or(NoKey::CutOff(name))?;
    if inside != name.as_bytes() {
        return Err(NoKey::OtherType {
            called: name,
            inside: known(inside).map_or("something else", |(inside, _)| inside),
        });
    }
    let Some(fields) = fields else {
        return Ok(());
    };
    for _ in 1..fields {
        (_, rest) = field(rest).ok_or(NoKey::CutOff(name))?;
    }
    rest.is_empty().then_some(()).ok_or(NoKey::Broken(name))
}

fn known(name: &[u8]) -> Option<Type> {
    TYPES
        .into_iter()
        .find(|(known, _)| known.as_bytes() == name)
}

/// A field and what follows it.
fn field(blob: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = blob.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// A word and what follows it.
fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// What follows the options: these end at the first blank outside of quotes.
fn after_options(line: &str) -> Option<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let end = line.find(|c: char| {
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\';
        matches!(c, ' ' | '\t') && !quoted
    })?;
    line.get(end..).map(str::trim_start)
}

/// A word that may be told to everybody: names only, nothing that could be a part of a key, and not much of it.
pub(super) fn shown(word: &str) -> String {
    let name = |c: char| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | '@')
    };
    if word.chars().all(name) {
        word.chars().take(16).collect()
    } else {
        "?".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ED: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINqYMdtRxPSql1qEkeVFMf7M0k2U35DYinXBP8G7s1Cy";
    const EC: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBDyMYKr8f4HmUDaz3wh0Ekw8B5MSkBNKtvTCJ8EhzF7crclty/AIF+UsOI1a1u92RbPTgelAvVt2dsgINwRjbHs=";

    /// A key with these fields behind its type.
    fn key(kind: &str, fields: &[&[u8]]) -> String {
        let mut blob = Vec::new();
        for field in [&[kind.as_bytes()], fields].concat() {
            blob.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
            blob.extend(field);
        }
        format!("{kind} {}", STANDARD.encode(blob))
    }

    #[test]
    fn every_known_type_is_taken() {
        for (kind, fields) in TYPES {
            let fields = vec![b"12345".as_slice(); fields.unwrap_or(4) - 1];
            assert_eq!(check(&key(kind, &fields)), Ok(vec![]), "{kind}");
        }
    }

    #[rstest]
    #[case::of_ssh_keygen(ED.to_owned())]
    #[case::with_padding(EC.to_owned())]
    #[case::comment(format!("{ED} me@desk, the old one"))]
    #[case::tabs(ED.replace(' ', "\t"))]
    #[case::carriage_return(format!("{ED}\r\n"))]
    #[case::options(format!("no-pty,from=\"10.0.0.0/8\" {ED} me@desk"))]
    #[case::options_with_blanks(format!("command=\"echo \\\"hi you\\\"\",no-pty {ED}"))]
    #[case::authority(format!("cert-authority {ED}"))]
    #[case::two_lines(format!("# mine\n{ED} a\n\n  {EC} b\n"))]
    #[case::nothing(String::new())]
    fn good_ones(#[case] text: String) {
        assert_eq!(check(&text), Ok(vec![]));
    }

    #[rstest]
    #[case::private("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n".to_owned(), NoKey::Private)]
    #[case::private_in_one_line("-----BEGIN RSA PRIVATE KEY----- MIIE -----END".to_owned(), NoKey::Private)]
    #[case::body_of_a_private_key("b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=".to_owned(), NoKey::Private)]
    #[case::private_key_with_a_type("ssh-ed25519 b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=".to_owned(), NoKey::Private)]
    #[case::private_of_putty("PuTTY-User-Key-File-3: ssh-rsa".to_owned(), NoKey::Private)]
    #[case::public_of_putty("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA".to_owned(), NoKey::OtherForm)]
    #[case::public_of_pem("-----BEGIN PUBLIC KEY-----\nMIIB".to_owned(), NoKey::OtherForm)]
    #[case::no_type(ED.replace("ssh-ed25519 ", ""), NoKey::NoType)]
    #[case::no_type_with_comment(format!("{} me@desk", ED.replace("ssh-ed25519 ", "")), NoKey::NoType)]
    #[case::part("q1h7Fsq1h7Fsq1h7Fs".to_owned(), NoKey::Part)]
    #[case::placeholder("ssh-rsa AAAA...".to_owned(), NoKey::Broken("ssh-rsa"))]
    #[case::character_lost(ED.replace("IN", "I"), NoKey::Broken("ssh-ed25519"))]
    #[case::padding_lost(EC.replace('=', ""), NoKey::Broken("ecdsa-sha2-nistp256"))]
    #[case::too_long(key("ssh-ed25519", &[b"1", b"2"]), NoKey::Broken("ssh-ed25519"))]
    #[case::type_alone("ssh-rsa".to_owned(), NoKey::CutOff("ssh-rsa"))]
    #[case::cut_inside_a_field(key("ssh-rsa", &[b"1", b"1234567"]).replace("NTY3", ""), NoKey::CutOff("ssh-rsa"))]
    #[case::cut_between_fields(key("ssh-rsa", &[b"1"]), NoKey::CutOff("ssh-rsa"))]
    #[case::wrapped(format!("{}\n{}", &ED[..48], &ED[48..]), NoKey::CutOff("ssh-ed25519"))]
    #[case::folded(format!("{} {}", &ED[..48], &ED[48..]), NoKey::CutOff("ssh-ed25519"))]
    #[case::second_line_is_bad(format!("{ED}\nssh-rsa x"), NoKey::Broken("ssh-rsa"))]
    #[case::bad_behind_options("no-pty ssh-rsa x".to_owned(), NoKey::Broken("ssh-rsa"))]
    #[case::other_type(ED.replace("ssh-ed25519", "ssh-rsa"), NoKey::OtherType { called: "ssh-rsa", inside: "ssh-ed25519" })]
    #[case::something_else("ssh-rsa AAAAAXg=".to_owned(), NoKey::OtherType { called: "ssh-rsa", inside: "something else" })]
    fn bad_ones(#[case] text: String, #[case] why: NoKey) {
        assert_eq!(check(&text), Err(why));
    }

    #[rstest]
    #[case::of_the_future(key("ssh-new", &[b"1"]), "ssh-new")]
    #[case::old_word("rsa AAAA".to_owned(), "rsa")]
    #[case::import("gh:me or so".to_owned(), "?")]
    #[case::no_name("Q1h7FsQ1h7Fs me@desk".to_owned(), "?")]
    #[case::long("a-very-long-name-of-a-type AAAA".to_owned(), "a-very-long-name")]
    #[case::quote_left_open("command=\"x ssh-ed25519 AAAA".to_owned(), "?")]
    fn unknown_types(#[case] text: String, #[case] kind: &str) {
        assert_eq!(check(&text), Ok(vec![kind.to_owned()]));
    }
}
