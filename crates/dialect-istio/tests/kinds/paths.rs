//! Paths of AuthorizationPolicies.

use super::authorization_policy::{check, check_rule};

#[track_caller]
fn check_path(path: &str, fact: &str, remarks: &[&str]) {
    let rule = format!("{{to: [{{operation: {{paths: ['{path}']}}}}]}}");
    check_rule(&rule, &[fact], remarks);
}

#[test]
fn templates() {
    for path in [
        "/{*}",
        "/{**}",
        "/a/{*}/b",
        "/a/{*}/{**}",
        "/a/{**}/b",
        "/{*}/{*}/",
        "/a.b-c_d~e%20f!$&,;:@=/{*}",
    ] {
        check_path(path, &format!("Template(\"{path}\")"), &[]);
    }
    for path in [
        "/a/{x}",
        "/a/{*}b",
        "/a/{***}",
        "/a/{",
        "/{**}/{**}",
        "/{**}/{*}",
        "/{**}/a/{*}",
        "/{*}/a*",
        "/{*}//b",
        "/{*}/a b",
        "{*}/a",
        "*{*}",
    ] {
        check_path(
            path,
            "rules: []",
            &["error invalid-value spec.rules[0].to[0].operation.paths[0]"],
        );
    }
}

#[test]
fn paths_that_no_request_has_are_told() {
    const NEVER: &str = "warning never-matches spec.rules[0].to[0].operation.paths[0]";
    for (path, fact, remarks) in [
        ("/a", "Text(Exact(\"/a\"))", &[][..]),
        ("*", "Text(Present)", &[]),
        ("*.html", "Text(Suffix(\".html\"))", &[]),
        ("a", "Text(Exact(\"a\"))", &[NEVER]),
        ("a*", "Text(Prefix(\"a\"))", &[NEVER]),
        ("/a?b=c", "Text(Exact(\"/a?b=c\"))", &[NEVER]),
        ("/a#b", "Text(Exact(\"/a#b\"))", &[NEVER]),
        (
            "/a/*/b",
            "Text(Exact(\"/a/*/b\"))",
            &["warning literal-wildcard spec.rules[0].to[0].operation.paths[0]"],
        ),
    ] {
        check_path(path, fact, remarks);
    }
}

/// `/admin` is closed, and `/admin/` is not.
#[test]
fn a_closed_path_leaves_its_variants_open() {
    const OPEN: &str = "warning trailing-slash spec.rules[0].to[0].operation";
    for (paths, is_open) in [
        ("[/admin]", true),
        ("[/admin, /other/*]", true),
        ("['/admin*']", false),
        ("[/admin/]", false),
        ("[/admin, '/admin/*']", false),
        ("[/admin, /admin/]", false),
        ("[/admin, '/a*']", false),
        ("[/]", false),
        ("['/admin/{**}']", false),
        ("['*']", false),
        ("['*/admin']", false),
    ] {
        let with = |field: &str| {
            let remark = format!("{OPEN}.{field}[0]");
            if is_open { vec![remark] } else { Vec::new() }
        };
        let paths = format!("{paths}, ports: ['80']");
        let deny =
            format!("{{action: DENY, rules: [{{to: [{{operation: {{paths: {paths}}}}}]}}]}}");
        let allow = format!("{{rules: [{{to: [{{operation: {{notPaths: {paths}}}}}]}}]}}");
        for (policy, field) in [(deny, "paths"), (allow, "notPaths")] {
            let remarks = with(field);
            let remarks: Vec<_> = remarks.iter().map(String::as_str).collect();
            check(&policy, &["rules: [Rule"], &remarks);
        }
        // What is allowed leaves nothing open, and neither does what a DENY leaves out.
        let harmless = [
            format!("{{rules: [{{to: [{{operation: {{paths: {paths}}}}}]}}]}}"),
            format!("{{action: DENY, rules: [{{to: [{{operation: {{notPaths: {paths}}}}}]}}]}}"),
            format!("{{action: AUDIT, rules: [{{to: [{{operation: {{paths: {paths}}}}}]}}]}}"),
        ];
        for policy in harmless {
            check(&policy, &["rules: [Rule"], &[]);
        }
    }
}
