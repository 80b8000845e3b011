use super::{Regex, check};

#[test]
fn reads_what_re2_reads() {
    for line in include_str!("../../testdata/re2.txt").lines() {
        match line.split_once(' ') {
            Some(("+", regex)) => assert!(check(regex).is_ok(), "{:?}", check(regex)),
            Some(("-", regex)) => assert!(check(regex).is_err(), "{regex:?} is refused by RE2"),
            _ => assert!(line.starts_with('#'), "{line}"),
        }
    }
}

#[test]
fn counts_groups_and_limits_length() {
    assert_eq!(check("(a)(?:b)(?P<n>c(d))"), Ok(Regex { groups: 3 }));
    assert!(check("").is_err());
    assert!(check(&"a".repeat(1024)).is_ok());
    assert!(check(&"a".repeat(1025)).is_err());
}
