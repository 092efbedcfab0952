use rstest::rstest;

use super::{PLACE, policy, told, with_config};
use crate::policy::PlainPasswords;

#[rstest]
#[case::of_the_default_user("password: PASS", "password")]
#[case::number("password: 1234", "password")]
#[case::long_number("password: 99999999999999999999999999999999999999", "password")]
#[case::short("password: $6", "password")]
#[case::lines("chpasswd: {list: \"root:RANDOM\\nme:PASS\\n\"}", "chpasswd.list")]
#[case::pairs("chpasswd: {list: ['root:R', 'me:a:b']}", "chpasswd.list[1]")]
#[case::users(
    "chpasswd: {users: [{name: a, type: RANDOM}, {name: b, password: PASS, type: text}]}",
    "chpasswd.users[1].password"
)]
#[case::hash_as_text(
    "chpasswd: {users: [{name: b, password: $6$a$b, type: text}]}",
    "chpasswd.users[0].password"
)]
#[case::text_as_hash(
    "chpasswd: {users: [{name: b, password: PASS}]}",
    "chpasswd.users[0].password"
)]
#[case::user(
    "users: [default, {name: a, plain_text_passwd: PASS}]",
    "users[1].plain_text_passwd"
)]
#[case::user_with_dashes("users: [{plain-text-passwd: PASS}]", "users[0].plain-text-passwd")]
#[case::user_in_a_map("users: {a: {plain_text_passwd: PASS}}", "users.a.plain_text_passwd")]
#[case::no_word_for_make_one_up("users: [{plain_text_passwd: R}]", "users[0].plain_text_passwd")]
#[case::old_user("user: {plain_text_passwd: PASS}", "user.plain_text_passwd")]
#[case::where_a_hash_belongs("users: [{passwd: PASS}]", "users[0].passwd")]
#[case::where_a_hash_belongs_too("users: [{hashed_passwd: PASS}]", "users[0].hashed_passwd")]
fn a_plain_password_is_answered_as_the_policy_says(#[case] config: &str, #[case] place: &str) {
    let object = with_config(config);
    assert_eq!(told(&object, &policy(PlainPasswords::Ignore)), "");
    assert_eq!(
        told(&object, &policy(PlainPasswords::Warn)),
        format!(
            "warning: {PLACE}: {place}: a password in plain text; use a hash (mkpasswd -m sha-512) or ssh keys"
        )
    );
    assert_eq!(
        told(&object, &policy(PlainPasswords::Deny)),
        format!(
            "denied (422): {PLACE}: {place}: found a password in plain text, which the policy denies, expected a hash \
             (mkpasswd -m sha-512), ssh keys, or user data in a Secret"
        )
    );
}

#[rstest]
#[case::none("password: null")]
#[case::empty("password: ''")]
#[case::random("password: RANDOM")]
#[case::md5("password: $1$a$b")]
#[case::bcrypt("password: $2b$10$x")]
#[case::yescrypt("password: $y$j9T$x")]
#[case::lines("chpasswd:\n  list: |\n    a:$5$a$b\n    b:$6$rounds=5$a$b\n    c:R\n    no pair\n")]
#[case::pairs("chpasswd: {list: ['a:$2a$10$x', 'b:$2y$10$x', 5, null, 'c:']}")]
#[case::hash_by_default("chpasswd: {users: [{name: a, password: $6$a$b}, {name: b}, 5]}")]
#[case::hash("chpasswd: {users: [{name: a, password: $6$a$b, type: hash}]}")]
#[case::random_user("chpasswd: {users: [{name: a, password: x, type: RANDOM}]}")]
#[case::hashes_of_users(
    "users: [{passwd: $6$a$b}, {hashed_passwd: '!'}, {passwd: '*'}, {passwd: abJnggxhB/yWI}]"
)]
#[case::locked("users: [{lock_passwd: true, passwd: ''}]")]
#[case::nonsense("chpasswd: 5\nusers: 5\nuser: 5")]
#[case::nonsense_below("chpasswd: {list: 5, users: {a: b}}")]
fn no_passwords(#[case] config: &str) {
    assert_eq!(
        told(&with_config(config), &policy(PlainPasswords::Deny)),
        ""
    );
}
