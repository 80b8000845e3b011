//! Paths as Envoy 1.40 normalised them: not at all, by RFC 3986, with slashes merged, with
//! escaped slashes decoded before.

use super::*;

type Row = (
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

/// What was sent; by RFC 3986; merged; decoded and merged. `None` = 400.
#[rustfmt::skip]
const MEASURED: &[Row] = &[
    ("/admin", Some("/admin"), Some("/admin"), Some("/admin")),
    ("/admin/", Some("/admin/"), Some("/admin/"), Some("/admin/")),
    ("//admin", Some("//admin"), Some("/admin"), Some("/admin")),
    ("/admin;x", Some("/admin;x"), Some("/admin;x"), Some("/admin;x")),
    ("/admin%2f", Some("/admin%2f"), Some("/admin%2f"), Some("/admin/")),
    ("/admin%2F/b", Some("/admin%2F/b"), Some("/admin%2F/b"), Some("/admin/b")),
    ("/admin%3fx", Some("/admin%3fx"), Some("/admin%3fx"), Some("/admin%3fx")),
    ("/admin%20", Some("/admin%20"), Some("/admin%20"), Some("/admin%20")),
    ("/ADMIN", Some("/ADMIN"), Some("/ADMIN"), Some("/ADMIN")),
    ("/x/..%2fadm/x", Some("/x/..%2fadm/x"), Some("/x/..%2fadm/x"), Some("/adm/x")),
    ("/x/..%5cadm", Some("/x/..%5cadm"), Some("/x/..%5cadm"), Some("/adm")),
    ("/x%5cy", Some("/x%5cy"), Some("/x%5cy"), Some("/x/y")),
    (r#"/a\b"#, Some("/a/b"), Some("/a/b"), Some("/a/b")),
    (r#"/a\..\b"#, Some("/b"), Some("/b"), Some("/b")),
    ("/a#b", None, None, None),
    ("/#", None, None, None),
    ("/a?b#c", None, None, None),
    ("/%41dmin", Some("/Admin"), Some("/Admin"), Some("/Admin")),
    ("/%61dmin%7e%2d", Some("/admin~-"), Some("/admin~-"), Some("/admin~-")),
    ("/a%2e%2e/b", Some("/a../b"), Some("/a../b"), Some("/a../b")),
    ("/a/%2e%2e/b", Some("/b"), Some("/b"), Some("/b")),
    ("/a/%2e/b", Some("/a/b"), Some("/a/b"), Some("/a/b")),
    ("/a/.%2E/b", Some("/b"), Some("/b"), Some("/b")),
    ("/a/..;/b", Some("/b"), Some("/b"), Some("/b")),
    ("/a/.;x/b", Some("/a/b"), Some("/a/b"), Some("/a/b")),
    ("/../../x", Some("/x"), Some("/x"), Some("/x")),
    ("/a/./b/../c", Some("/a/c"), Some("/a/c"), Some("/a/c")),
    ("/a/..", Some("/"), Some("/"), Some("/")),
    ("/a/.", Some("/a/"), Some("/a/"), Some("/a/")),
    ("/a//../b", Some("/a/b"), Some("/a/b"), Some("/a/b")),
    ("/%00", None, None, None),
    ("/a%0", Some("/a%0"), Some("/a%0"), Some("/a%0")),
    ("/a%", Some("/a%"), Some("/a%"), Some("/a%")),
    ("/a%zz", Some("/a%zz"), Some("/a%zz"), Some("/a%zz")),
    ("/a%2", Some("/a%2"), Some("/a%2"), Some("/a%2")),
    (r#"/a"b"#, Some("/a%22b"), Some("/a%22b"), Some("/a%22b")),
    ("/a<b>", Some("/a%3Cb%3E"), Some("/a%3Cb%3E"), Some("/a%3Cb%3E")),
    ("/a`b", Some("/a%60b"), Some("/a%60b"), Some("/a%60b")),
    ("/a{b}", Some("/a%7Bb%7D"), Some("/a%7Bb%7D"), Some("/a%7Bb%7D")),
    ("/a|b", Some("/a%7Cb"), Some("/a%7Cb"), Some("/a%7Cb")),
    ("/a^b", Some("/a%5Eb"), Some("/a%5Eb"), Some("/a%5Eb")),
    ("/%c3%a9", Some("/%c3%a9"), Some("/%c3%a9"), Some("/%c3%a9")),
    ("/a%25b", Some("/a%25b"), Some("/a%25b"), Some("/a%25b")),
    ("/a%252fb", Some("/a%252fb"), Some("/a%252fb"), Some("/a%252fb")),
    ("/a?x=//y/../z%2f", Some("/a?x=//y/../z%2f"), Some("/a?x=//y/../z%2f"), Some("/a?x=//y/../z%2f")),
    ("/a/%2e%2e%2f", Some("/a/..%2f"), Some("/a/..%2f"), Some("/")),
    ("/[x]", Some("/[x]"), Some("/[x]"), Some("/[x]")),
    ("/a'b", Some("/a'b"), Some("/a'b"), Some("/a'b")),
    ("/*", Some("/*"), Some("/*"), Some("/*")),
    ("/a;b/../c", Some("/c"), Some("/c"), Some("/c")),
    ("/a/b/", Some("/a/b/"), Some("/a/b/"), Some("/a/b/")),
    ("/a//b//", Some("/a//b//"), Some("/a/b/"), Some("/a/b/")),
    ("///", Some("///"), Some("//"), Some("//")),
    ("/a%2f%2fb", Some("/a%2f%2fb"), Some("/a%2f%2fb"), Some("/a/b")),
    ("/a%2f..%2fb", Some("/a%2f..%2fb"), Some("/a%2f..%2fb"), Some("/b")),
    ("/..", Some("/"), Some("/"), Some("/")),
    ("/...", Some("/..."), Some("/..."), Some("/...")),
    ("/a/...", Some("/a/..."), Some("/a/..."), Some("/a/...")),
    ("/a/.b", Some("/a/.b"), Some("/a/.b"), Some("/a/.b")),
    ("/%2f", Some("/%2f"), Some("/%2f"), Some("//")),
    ("/a%5C..%5Cb", Some("/a%5C..%5Cb"), Some("/a%5C..%5Cb"), Some("/b")),
    ("//a/..//b", Some("///b"), Some("/b"), Some("/b")),
    ("/a/b?", Some("/a/b?"), Some("/a/b?"), Some("/a/b?")),
    ("/?", Some("/?"), Some("/?"), Some("/?")),
    ("/%7Ea", Some("/~a"), Some("/~a"), Some("/~a")),
    ("/a%2Bb+c", Some("/a%2Bb+c"), Some("/a%2Bb+c"), Some("/a%2Bb+c")),
    ("/a%3bx", Some("/a%3bx"), Some("/a%3bx"), Some("/a%3bx")),
    ("/a%5ex%60", Some("/a%5ex%60"), Some("/a%5ex%60"), Some("/a%5ex%60")),
    ("/a:b@c,d=e&f$g!h(i)*j", Some("/a:b@c,d=e&f$g!h(i)*j"), Some("/a:b@c,d=e&f$g!h(i)*j"), Some("/a:b@c,d=e&f$g!h(i)*j")),
    ("/a/..;", Some("/"), Some("/"), Some("/")),
    ("/a/..;x?y", Some("/?y"), Some("/?y"), Some("/?y")),
    ("/.;", Some("/"), Some("/"), Some("/")),
    ("/a/...;/b", Some("/a/...;/b"), Some("/a/...;/b"), Some("/a/...;/b")),
    ("/a/%2e.;x/b", Some("/a/..;x/b"), Some("/a/..;x/b"), Some("/a/..;x/b")),
    ("/a/.%2e;x/b", Some("/a/..;x/b"), Some("/a/..;x/b"), Some("/a/..;x/b")),
    ("/a/..%3bx/b", Some("/a/..%3bx/b"), Some("/a/..%3bx/b"), Some("/a/..%3bx/b")),
    (r#"/a\..;x\b"#, Some("/a/..;x/b"), Some("/a/..;x/b"), Some("/a/..;x/b")),
    ("/a%2f..;/b", Some("/a%2f..;/b"), Some("/a%2f..;/b"), Some("/b")),
    ("/a/..;%2fb", Some("/"), Some("/"), Some("/b")),
    ("/a?/..;/", Some("/a?/..;/"), Some("/a?/..;/"), Some("/a?/..;/")),
    ("/..;/..;/b", Some("/b"), Some("/b"), Some("/b")),
    ("/a/b;/.;/c", Some("/a/b;/c"), Some("/a/b;/c"), Some("/a/b;/c")),
    ("/a;..;/b", Some("/a;..;/b"), Some("/a;..;/b"), Some("/a;..;/b")),
    ("/a/.;.;/b", Some("/a/b"), Some("/a/b"), Some("/a/b")),
    ("/a/x.;/b", Some("/a/x.;/b"), Some("/a/x.;/b"), Some("/a/x.;/b")),
    ("/a%2F%2e%2e;x/b", Some("/a%2F..;x/b"), Some("/a%2F..;x/b"), Some("/a/..;x/b")),
    ("/a/.%2F/b", Some("/a/.%2F/b"), Some("/a/.%2F/b"), Some("/a/b")),
    ("/a/%5c../b", Some("/a/%5c../b"), Some("/a/%5c../b"), Some("/a/b")),
    ("/a%5c", Some("/a%5c"), Some("/a%5c"), Some("/a/")),
    ("/%2e%2e%2f..%2fx", Some("/..%2f..%2fx"), Some("/..%2f..%2fx"), Some("/x")),
    ("/a/%2E%2E", Some("/"), Some("/"), Some("/")),
    ("/a/%2e", Some("/a/"), Some("/a/"), Some("/a/")),
    ("/a.%2e/b", Some("/a../b"), Some("/a../b"), Some("/a../b")),
    ("/%2541", Some("/%2541"), Some("/%2541"), Some("/%2541")),
    ("/%%41", Some("/%A"), Some("/%A"), Some("/%A")),
    ("/%4", Some("/%4"), Some("/%4"), Some("/%4")),
    ("/%e", Some("/%e"), Some("/%e"), Some("/%e")),
    ("/a%0Ab", Some("/a%0Ab"), Some("/a%0Ab"), Some("/a%0Ab")),
    ("/a%1fb", Some("/a%1fb"), Some("/a%1fb"), Some("/a%1fb")),
    ("/a%7f", Some("/a%7f"), Some("/a%7f"), Some("/a%7f")),
    ("/a%80%ff", Some("/a%80%ff"), Some("/a%80%ff"), Some("/a%80%ff")),
    ("/a%20b", Some("/a%20b"), Some("/a%20b"), Some("/a%20b")),
    ("/a%22", Some("/a%22"), Some("/a%22"), Some("/a%22")),
    ("/a%2a", Some("/a%2a"), Some("/a%2a"), Some("/a%2a")),
    ("/a%5F%5f", Some("/a__"), Some("/a__"), Some("/a__")),
    ("/a%2D", Some("/a-"), Some("/a-"), Some("/a-")),
];

fn manager(normalize: bool, merge: bool, action: Action) -> HttpConnectionManager {
    HttpConnectionManager {
        normalize_path: Some(normalize),
        merge_slashes: merge,
        path_with_escaped_slashes_action: action as i32,
        ..Default::default()
    }
}

/// The path after normalisation; `None` = 400.
fn normalized(manager: &HttpConnectionManager, path: &str) -> Option<String> {
    let mut traffic = crate::traffic::tests::traffic();
    traffic.headers.add(":path", path);
    match normalize(manager, &mut traffic) {
        Ok(()) => Some(traffic.headers.path().to_owned()),
        Err(Outcome::Denied { status: 400, .. }) => None,
        Err(other) => panic!("{path}: {other:?}"),
    }
}

#[test]
fn paths_are_what_envoy_made_of_them() {
    let none = manager(false, false, Action::KeepUnchanged);
    let base = manager(true, false, Action::KeepUnchanged);
    let merge = manager(true, true, Action::KeepUnchanged);
    let decode = manager(true, true, Action::UnescapeAndForward);
    for (path, by_base, by_merge, by_decode) in MEASURED {
        let as_sent = (!path.contains('#')).then_some(*path);
        for (manager, expected) in [
            (&none, &as_sent),
            (&base, by_base),
            (&merge, by_merge),
            (&decode, by_decode),
        ] {
            let found = normalized(manager, path);
            assert_eq!(found.as_deref(), *expected, "{path} {manager:?}");
        }
    }
}

#[test]
fn escaped_slashes_are_refused_or_redirected_if_asked_for() {
    let reject = manager(true, false, Action::RejectRequest);
    assert_eq!(normalized(&reject, "/a%2fb"), None);
    assert_eq!(normalized(&reject, "/a?%2f").as_deref(), Some("/a?%2f"));
    let redirect = manager(true, false, Action::UnescapeAndRedirect);
    let mut traffic = crate::traffic::tests::traffic();
    traffic.headers.add(":path", "/a%2fb?c");
    let location = "/a/b?c".to_owned();
    assert_eq!(
        normalize(&redirect, &mut traffic),
        Err(Outcome::Redirected { location })
    );
}
