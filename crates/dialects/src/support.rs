//! Which fields have an effect: data (`istio-fields.tsv`, `istio-support.tsv`), and what is made
//! of it: hints and the page `docs/supported-fields.md`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::LazyLock;

use ferromesh_mesh::closest::closest;

const FIELDS: &str = include_str!("istio-fields.tsv");
const SUPPORT: &str = include_str!("istio-support.tsv");

/// A leaf of a kind of Istio's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The kind's group.
    pub group: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// The path from `spec`: `[]` is an item of a list, `{}` a value of a map, `*` free-form.
    pub path: &'static str,
    /// The type, such as `string{A|B}` or `integer`.
    pub value: &'static str,
    /// How many of 1 330 public manifests set it.
    pub documents: u32,
    /// Whether it has an effect.
    pub status: Status,
}

/// Whether a field has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has.
    Supported,
    /// It has none, which the author is told; and why.
    Warned(&'static str),
}

static TABLE: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let rules: Vec<_> = rows(SUPPORT).filter_map(rule).collect();
    rows(FIELDS).filter_map(|row| field(row, &rules)).collect()
});

/// All leaves of Istio's kinds, in the order of kinds and paths.
pub fn fields() -> impl Iterator<Item = Field> {
    TABLE.iter().copied()
}

/// The rows of a table, without comments and the head.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .skip(1)
        .map(|line| line.split('\t').collect())
}

struct Rule {
    kind: &'static str,
    path: &'static str,
    status: Status,
}

fn rule(row: Vec<&'static str>) -> Option<Rule> {
    let [kind, path, status, why] = row[..] else {
        return None;
    };
    let status = match status {
        "supported" => Status::Supported,
        _ => Status::Warned(why),
    };
    Some(Rule { kind, path, status })
}

fn field(row: Vec<&'static str>, rules: &[Rule]) -> Option<Field> {
    let [kind, path, value, documents] = row[..] else {
        return None;
    };
    let (api_version, kind) = kind.split_once(' ')?;
    let rule = rules
        .iter()
        .filter(|rule| rule.kind == kind && leads_to(rule.path, path))
        .max_by_key(|rule| rule.path.len())?;
    Some(Field {
        group: api_version.split_once('/')?.0,
        kind,
        path,
        value,
        documents: documents.parse().ok()?,
        status: rule.status,
    })
}

/// Whether the field at `path` is that at `prefix`, or stands below it.
fn leads_to(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| {
        prefix.is_empty() || rest.is_empty() || rest.starts_with(['.', '[', '{', '*'])
    })
}

/// The names of the fields of the mapping at `path` (from the object's root), where the table
/// knows it.
pub(crate) fn names_at(group: &str, kind: &str, path: &str) -> BTreeSet<&'static str> {
    let steps = match path.strip_prefix("spec.") {
        Some(below) => steps(below),
        None if path == "spec" => Vec::new(),
        None => return BTreeSet::new(),
    };
    let mut names = below(&of_kind(group, kind), &steps);
    names.retain(|name| !matches!(*name, "[]" | "{}"));
    names
}

/// The steps of every leaf of a kind.
fn of_kind(group: &str, kind: &str) -> Vec<Vec<&'static str>> {
    fields()
        .filter(|field| field.kind == kind && field.group == group)
        .map(|field| steps(field.path))
        .collect()
}

/// The steps that follow `above` in any of these leaves.
fn below(leaves: &[Vec<&'static str>], above: &[&str]) -> BTreeSet<&'static str> {
    leaves
        .iter()
        .filter(|leaf| {
            let mut both = leaf.iter().zip(above);
            leaf.len() > above.len() && both.all(|(known, step)| matches(known, step))
        })
        .filter_map(|leaf| leaf.get(above.len()).copied())
        .collect()
}

/// A way out for the author of an unknown field at `path` (from the object's root).
pub(crate) fn hint(group: &str, kind: &str, path: &str) -> Option<String> {
    let mut steps = steps(path.strip_prefix("spec.")?);
    let name = steps.pop()?;
    let of_kind = of_kind(group, kind);
    let siblings = below(&of_kind, &steps);
    if let Some(meant) = closest(name, siblings.iter().copied()) {
        return Some(format!("did you mean {meant:?}?"));
    }
    // A known field at a wrong place: usually one level too deep or too high.
    let elsewhere = of_kind.iter().find_map(|leaf| {
        let at = leaf.iter().position(|step| *step == name)?;
        let above = leaf
            .get(..at)?
            .join(".")
            .replace(".[]", "[]")
            .replace(".{}", "{}");
        Some(if above.is_empty() {
            "spec".to_owned()
        } else {
            format!("spec.{above}")
        })
    });
    match elsewhere {
        Some(parent) => Some(format!("{name:?} belongs to {parent}")),
        None if siblings.is_empty() => None,
        None => {
            let siblings: Vec<_> = siblings.into_iter().collect();
            Some(format!("known here: {}", siblings.join(", ")))
        }
    }
}

/// The steps of a path, an author's (`http[0].headers["a.b"]`) or the table's (`http[].headers{}`):
/// names, `[]` for an item or a quoted key, `{}` for any key.
fn steps(path: &str) -> Vec<&str> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = if let Some(bracket) = rest.strip_prefix('[') {
            steps.push("[]");
            let end = if bracket.starts_with('"') { "\"]" } else { "]" };
            bracket.split_once(end).map_or("", |(_, rest)| rest)
        } else if let Some(rest) = rest.strip_prefix("{}") {
            steps.push("{}");
            rest
        } else if let Some(rest) = rest.strip_prefix(['.', '*']) {
            rest
        } else {
            let end = rest.find(['.', '[', '{', '*']).unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            steps.push(name);
            rest
        };
    }
    steps
}

/// Whether an author's step is one of the table's.
fn matches(known: &str, step: &str) -> bool {
    known == step || known == "{}"
}

/// The page `docs/supported-fields.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Supported fields\n\n\
         Generated from `crates/dialects/src/istio-fields.tsv` and `istio-support.tsv`; \
         `cargo xtask generate` writes it anew.\n\n\
         Every leaf of every kind of Istio 1.31 (`[]` an item of a list, `{}` a value of a map, `*` free-form). \
         A field that has no effect is validated nevertheless wherever its kind is read, and \
         always answered by a diagnostic that names it. *Documents*: how many of 1 330 public \
         manifests set the field.\n\n",
    );
    let mut kinds: Vec<(&str, &str)> = fields().map(|field| (field.group, field.kind)).collect();
    kinds.dedup();
    page.push_str("| kind | leaves | supported |\n|---|---|---|\n");
    for (group, kind) in &kinds {
        let all: Vec<_> = fields().filter(|field| field.kind == *kind).collect();
        let supported = all.iter().filter(|field| field.status == Status::Supported);
        let (all, supported) = (all.len(), supported.count());
        // Writing to a string can't fail.
        let _ = writeln!(
            page,
            "| [{kind}](#{}) ({group}) | {all} | {supported} |",
            kind.to_lowercase()
        );
    }
    for (_, kind) in kinds {
        let _ = write!(
            page,
            "\n## {kind}\n\n| field | type | documents | effect |\n|---|---|---|---|\n"
        );
        for field in fields().filter(|field| field.kind == kind) {
            let value = field.value.replace('|', "\\|");
            let effect = match field.status {
                Status::Supported => "yes".to_owned(),
                Status::Warned(why) => format!("no: {why}"),
            };
            let _ = writeln!(
                page,
                "| `{}` | {value} | {} | {effect} |",
                field.path, field.documents
            );
        }
    }
    page
}
