//! Rules that no request can reach, because earlier ones of the same VirtualService match all of
//! theirs.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use ferromesh_mesh::decl::Labels;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::matches::{NamedMatch, PathMatch};
use ferromesh_mesh::policy::string_match::StringMatch;

use super::matches::Alternative;
use super::rule::Rule;

/// Warns about rules, and matches of rules, that no request reaches; `rules` stand in the list at
/// the path `at`. Linear in their number.
pub(super) fn check(rules: &[Option<Rule>], at: &Path<'_>, remarks: &mut Remarks) {
    let mut seen = HashMap::new();
    let mut catch_all = None;
    for (index, rule) in rules.iter().enumerate() {
        // A rule that is left out (delegation) takes no request from those behind it.
        let Some(rule) = rule.as_ref().filter(|rule| rule.has_effect()) else {
            continue;
        };
        let at = at.item(index);
        if let Some(earlier) = catch_all {
            let message = format!("http[{earlier}] matches every request before this rule");
            unreachable(&at, message, remarks);
            continue;
        }
        let shadowed = rule
            .alternatives
            .iter()
            .filter(|alternative| is_shadowed(alternative, index, &mut seen, remarks))
            .count();
        if shadowed > 0 && shadowed == rule.alternatives.len() {
            let message = "earlier rules match all of its requests".to_owned();
            unreachable(&at, message, remarks);
        }
        if rule.is_unconditional || rule.alternatives.iter().any(matches_everything) {
            catch_all = Some(index);
        }
    }
}

fn unreachable(at: &Path<'_>, message: String, remarks: &mut Remarks) {
    remarks
        .warning(at, "unreachable-rule", message)
        .advise("put the more specific rule first, or remove it");
}

fn matches_everything(alternative: &Alternative) -> bool {
    let path = match &alternative.http.request.path {
        PathMatch::Any => true,
        PathMatch::Path { matches, .. } => match matches {
            StringMatch::Prefix(prefix) => matches!(&**prefix, "/" | ""),
            StringMatch::Regex(regex) => &**regex == ".*",
            StringMatch::Exact(_) | StringMatch::Present => false,
        },
    };
    path && Conditions::of(alternative) == Conditions::NONE
}

/// Everything of an alternative but its path.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Conditions<'a> {
    headers: &'a [NamedMatch],
    query: &'a [NamedMatch],
    port: Option<u16>,
    source_labels: Option<&'a Labels>,
    source_namespace: Option<&'a Namespace>,
    gateways: &'a [String],
}

impl<'a> Conditions<'a> {
    const NONE: Self = Self {
        headers: &[],
        query: &[],
        port: None,
        source_labels: None,
        source_namespace: None,
        gateways: &[],
    };

    fn of(alternative: &'a Alternative) -> Self {
        let http = &alternative.http;
        Self {
            headers: &http.request.headers,
            query: &http.request.query,
            port: http.port,
            source_labels: (!http.source_labels.is_empty()).then_some(&http.source_labels),
            source_namespace: http.source_namespace.as_ref(),
            gateways: &alternative.gateways,
        }
    }
}

/// Paths that are matched already, each with the rule that does.
#[derive(Default)]
struct Paths {
    exact: HashMap<String, usize>,
    regex: HashMap<String, usize>,
    /// None is a prefix of another, so that of those before a path only the last may cover it.
    prefixes: BTreeMap<String, usize>,
}

impl Paths {
    /// The rule that matches all of these paths, and whether by the same match.
    fn covering(&self, path: &StringMatch) -> Option<(usize, bool)> {
        let same = |rule: &usize| (*rule, true);
        match path {
            StringMatch::Exact(path) => self
                .exact
                .get(&**path)
                .map(same)
                .or_else(|| self.prefix(path).map(|(_, rule)| (rule, false))),
            StringMatch::Prefix(path) => self
                .prefix(path)
                .map(|(prefix, rule)| (rule, prefix == &**path)),
            StringMatch::Regex(path) => self.regex.get(&**path).map(same),
            StringMatch::Present => None,
        }
    }

    fn prefix(&self, path: &str) -> Option<(&str, usize)> {
        let until = (Bound::Unbounded, Bound::Included(path));
        let (prefix, rule) = self.prefixes.range::<str, _>(until).next_back()?;
        path.starts_with(&**prefix).then_some((prefix, *rule))
    }

    fn insert(&mut self, path: &StringMatch, rule: usize) {
        match path {
            StringMatch::Exact(path) => {
                self.exact.insert(path.to_string(), rule);
            }
            StringMatch::Regex(path) => {
                self.regex.insert(path.to_string(), rule);
            }
            StringMatch::Prefix(path) => {
                let from = (Bound::Included(&**path), Bound::Unbounded);
                while let Some((longer, _)) = self.prefixes.range::<str, _>(from).next()
                    && longer.starts_with(&**path)
                {
                    let longer = longer.clone();
                    self.prefixes.remove(&longer);
                }
                self.prefixes.insert(path.to_string(), rule);
            }
            StringMatch::Present => {}
        }
    }
}

/// Paths by conditions, and by whether case is ignored.
type Seen<'a> = HashMap<(Conditions<'a>, bool), Paths>;

fn is_shadowed<'a>(
    alternative: &'a Alternative,
    rule: usize,
    seen: &mut Seen<'a>,
    remarks: &mut Remarks,
) -> bool {
    let (path, ignore_case) = path_of(alternative);
    let conditions = Conditions::of(alternative);
    let own = seen
        .get(&(conditions, ignore_case))
        .and_then(|paths| paths.covering(&path));
    // What asks for nothing but a path covers what asks for more.
    let wider = || {
        seen.get(&(Conditions::NONE, ignore_case))
            .and_then(|paths| paths.covering(&path))
            .map(|(rule, _)| (rule, false))
    };
    let at = &alternative.http.origin.path;
    match own.or_else(wider) {
        Some((earlier, true)) => {
            let message = format!("http[{earlier}] has the same match");
            remarks.warning(&Path::Root(at), "duplicate-match", message);
            true
        }
        Some((earlier, false)) => {
            let message = format!("http[{earlier}] matches all of its requests");
            remarks.warning(&Path::Root(at), "shadowed-match", message);
            true
        }
        None => {
            seen.entry((conditions, ignore_case))
                .or_default()
                .insert(&path, rule);
            false
        }
    }
}

/// The path, in lower case if case is ignored. Every path starts with a slash.
fn path_of(alternative: &Alternative) -> (StringMatch, bool) {
    match &alternative.http.request.path {
        PathMatch::Any => (StringMatch::Prefix("/".into()), false),
        PathMatch::Path {
            matches,
            ignore_case: false,
        } => (matches.clone(), false),
        PathMatch::Path {
            matches,
            ignore_case: true,
        } => {
            let folded = match matches {
                StringMatch::Exact(path) => StringMatch::Exact(path.to_lowercase().into()),
                StringMatch::Prefix(path) => StringMatch::Prefix(path.to_lowercase().into()),
                other => other.clone(),
            };
            (folded, true)
        }
    }
}
